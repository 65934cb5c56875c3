"""A published number beside ours, with its verdict."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Sequence

import pandas as pd

from ddpm.artefacts.published import PublishedNumber
from ddpm.artefacts.tables import verdicts
from ddpm.artefacts.tables.rendering.numbers import half_unit


@dataclasses.dataclass(frozen=True)
class Compared:
    """One published number and ours.

    Attributes:
        item: the table of this study that shows it.
        label: the row, as the paper prints it.
        name: the number within the row, for example "FID against train".
        published: the number, or the blank, in the paper.
        model, status, training_seeds: what was measured, how its training ended, with which seeds.
        ours: the number measured here; NaN for none.
        our_spread, spread_kind: how far it may be off and which spread that is; NaN and "" if unknown.
        n: images that it was measured on; None for none.
        differs: what keeps both from being compared, in words.
        fewer: in words, that ours is of fewer images than the paper's; "" if it is not.
        rows: the measurements behind ours.
        repeats: the earlier table that prints the same number of the same model; "" for none.
    """

    item: str
    label: str
    name: str
    published: PublishedNumber
    model: str
    status: str
    training_seeds: Sequence[int]
    split: str | None
    ours: float
    our_spread: float
    spread_kind: str
    n: int | None
    differs: Sequence[str]
    fewer: str
    rows: pd.DataFrame
    repeats: str = ""

    @property
    def claim(self) -> str:
        """What the published number claims: verdicts.EQUAL or verdicts.AT_MOST."""
        # The NLL is a bound as a quantity: its value is compared, and marked "<=" here and in the paper.
        return verdicts.AT_MOST if self.published.metric == "NLL gap" else verdicts.EQUAL

    @property
    def rounding(self) -> float:
        """Half a unit of the last printed digit; NaN for a blank."""
        return half_unit(self.published.printed) if self.published.printed else math.nan

    @property
    def difference(self) -> float:
        """Ours less the published number."""
        return self.ours - self.published.value

    @property
    def relative_difference(self) -> float:
        """The difference as a share of the published number; NaN where that is 0."""
        return self.difference / self.published.value if self.published.value else math.nan

    @functools.cached_property
    def verdict(self) -> str:
        """One of verdicts.VERDICTS."""
        return verdicts.verdict(
            self.published.value,
            self.published.spread,
            self.rounding,
            self.claim,
            self.ours,
            self.our_spread,
            "; ".join(self.differs),
        )

    @property
    def key(self) -> tuple[str, str, str | None, str]:
        """Equal for numbers that several tables print of one model."""
        return (self.model, self.published.metric, self.split, self.published.printed)
