"""A published number beside ours, with its verdict."""

from __future__ import annotations

import dataclasses
import functools
import math
import statistics
from collections.abc import Sequence

import pandas as pd

from ddpm.artefacts.published import PublishedNumber
from ddpm.artefacts.tables import summary, verdicts
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
        reproductions: what others got for the published number.
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
    reproductions: Sequence[PublishedNumber] = ()
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

    @property
    def counted_reproductions(self) -> list[PublishedNumber]:
        """The reproductions whose source is known; none where our own spread is over training seeds."""
        over_training = summary.OVER_TRAINING in self.spread_kind
        return [] if over_training else [number for number in self.reproductions if number.source]

    @property
    def reproductions_spread(self) -> float:
        """Standard deviation (n - 1) of the published number and its counted reproductions; NaN for none."""
        values = [number.value for number in self.counted_reproductions]
        return statistics.stdev([self.published.value, *values]) if values else math.nan

    @property
    def judged_by(self) -> str:
        """Which limit gave the verdict, or was the widest that the difference exceeds; "" if not compared."""
        last_digit = "last printed digit"
        reproductions = f"standard deviation of {1 + len(self.counted_reproductions)} published numbers"
        if self.verdict == verdicts.WITHIN_BOUND:
            return last_digit
        if self.verdict == verdicts.WITHIN_PUBLISHED:
            return last_digit if math.isnan(self.published.spread) else "published ±"
        if self.verdict == verdicts.WITHIN_OURS:
            return self.spread_kind
        if self.verdict == verdicts.WITHIN_REPRODUCTIONS:
            return reproductions
        if self.verdict != verdicts.APART:
            return ""
        known = {self.spread_kind: self.our_spread, reproductions: self.reproductions_spread}
        finite = {kind: spread for kind, spread in known.items() if math.isfinite(spread)}
        return max(finite, key=finite.__getitem__) if finite else last_digit

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
            self.reproductions_spread,
        )

    @property
    def key(self) -> tuple[str, str, str | None, str]:
        """Equal for numbers that several tables print of one model."""
        return (self.model, self.published.metric, self.split, self.published.printed)
