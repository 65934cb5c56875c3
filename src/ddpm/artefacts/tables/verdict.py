"""A published number beside ours, and the verdict on both."""

from __future__ import annotations

import csv
import dataclasses
import functools
import math
import statistics
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.artefacts.published import PublishedNumber
from ddpm.artefacts.tables.measures import OVER_TRAINING
from ddpm.artefacts.tables.numbers import half_unit
from ddpm.errors import DataError

if TYPE_CHECKING:
    import pandas as pd

WITHIN_PUBLISHED = "within published spread"
WITHIN_BOUND = "within the bound"
WITHIN_OURS = "within ours"
WITHIN_REPRODUCTIONS = "within reproductions"
APART = "apart"
NOT_COMPARABLE = "not comparable"
NO_VALUE = "no value"
BLANK = "blank in the paper"
COMPARED = (WITHIN_PUBLISHED, WITHIN_BOUND, WITHIN_OURS, WITHIN_REPRODUCTIONS, APART)
VERDICTS = (*COMPARED, NOT_COMPARABLE, NO_VALUE, BLANK)

# What the published number claims.
EQUAL, AT_MOST = "equal", "at most"
SPREADS = 2.0
_LAST_DIGIT = "last printed digit"

RULE = (
    f"Verdicts. {WITHIN_PUBLISHED}: the difference is at most the published ± (none printed counts as 0). "
    f"{WITHIN_OURS}: it is at most twice our ±. {WITHIN_REPRODUCTIONS}: it is at most twice the standard "
    "deviation of the published number and what others got for it, where our ± is not one over training "
    f"seeds. {APART}: it is more. Half a unit of the last printed digit is added to each limit, for "
    "published numbers are rounded. A number published as an upper limit is judged by how far "
    f"ours lies above it: {WITHIN_BOUND} if by no more than that half unit. "
    f"{NOT_COMPARABLE}: something else was measured. {NO_VALUE}: training diverged. {BLANK}: the paper gives "
    "no number.",
    "Our ± is the first that is known of the standard deviation over training seeds, that over sampling "
    "seeds, that over the splits of the samples (IS), and the standard error over images (the bound; of "
    "fewer images than the paper's, it adds to those before it). All but the first leave out the chance of "
    f"training. Where no spread is known at all, only equal digits escape {APART}: read the difference "
    "itself. The rule is a yardstick, not a test of significance: a ± over few seeds is itself "
    "uncertain, and the published number is one run's.",
)


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
        """What the published number claims: EQUAL or AT_MOST."""
        # The NLL is a bound as a quantity: its value is compared, and marked "<=" here and in the paper.
        return AT_MOST if self.published.metric == "NLL gap" else EQUAL

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
        over_training = OVER_TRAINING in self.spread_kind
        return [] if over_training else [number for number in self.reproductions if number.source]

    @property
    def reproductions_spread(self) -> float:
        """Standard deviation (n - 1) of the published number and its counted reproductions; NaN for none."""
        values = [number.value for number in self.counted_reproductions]
        return statistics.stdev([self.published.value, *values]) if values else math.nan

    @functools.cached_property
    def verdict(self) -> str:
        """One of VERDICTS."""
        if math.isnan(self.published.value):
            return BLANK
        if math.isnan(self.ours):
            return NO_VALUE
        return NOT_COMPARABLE if self.differs else self._met_limit[0]

    @property
    def judged_by(self) -> str:
        """Which limit gave the verdict, or was the widest that the difference exceeds; "" if not compared."""
        return self._met_limit[1] if self.verdict in COMPARED else ""

    @property
    def _met_limit(self) -> tuple[str, str]:
        """The first limit that the difference does not exceed, as a verdict, and what the limit is.

        A spread that is NaN is not known, and gives no limit.
        """
        at_most, spread = self.claim == AT_MOST, self.published.spread
        off = self.difference if at_most else abs(self.difference)
        printed, kind = (0.0, _LAST_DIGIT) if math.isnan(spread) else (spread, "published ±")
        others = f"standard deviation of {1 + len(self.counted_reproductions)} published numbers"
        limits = [
            (WITHIN_BOUND, printed, _LAST_DIGIT) if at_most else (WITHIN_PUBLISHED, printed, kind),
            (WITHIN_OURS, SPREADS * self.our_spread, self.spread_kind),
            (WITHIN_REPRODUCTIONS, SPREADS * self.reproductions_spread, others),
        ]
        for verdict, limit, what in limits:
            if off <= limit + self.rounding:
                return verdict, what
        known = [(limit, what) for _, limit, what in limits[1:] if math.isfinite(limit)]
        return APART, max(known)[1] if known else _LAST_DIGIT

    @property
    def lacks_spread(self) -> bool:
        """Whether nothing is known of how far the numbers may be off."""
        return not self.spread_kind and math.isnan(self.reproductions_spread)


def verdicts_of(comparison: Path) -> str:
    """How many published numbers got which verdict, in words; numbers that tables repeat count once.

    Args:
        comparison: the CSV file of the table `comparison`.

    Raises:
        DataError: it is damaged.
    """
    try:
        with comparison.open(newline="", encoding="utf-8") as file:
            counts = Counter(row["verdict"] for row in csv.DictReader(file) if not row["repeats"])
    except (OSError, ValueError, KeyError) as error:
        remedy = f"delete it and run `snakemake {comparison}`"
        raise DataError(f"{comparison}: damaged, or of an earlier version ({error}); {remedy}") from error
    total = sum(counts[name] for name in COMPARED)
    words = ", ".join(f"{counts[name]} {name}" for name in VERDICTS if counts[name])
    return f"{total - counts[APART]} of {total} compared numbers agree ({words})"
