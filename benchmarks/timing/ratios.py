"""Medians, spreads and ratios of times that were taken in the same rounds."""

from __future__ import annotations

import dataclasses
import statistics
from collections.abc import Sequence


@dataclasses.dataclass(frozen=True)
class Spread:
    """Median, smallest and largest of some values."""

    median: float
    least: float
    most: float


def spread(values: Sequence[float]) -> Spread:
    """Of at least one value."""
    return Spread(statistics.median(values), min(values), max(values))


def ratios(values: Sequence[float], reference: Sequence[float]) -> Spread:
    """The spread of value / reference, taken round by round.

    Raises:
        ValueError: they have not the same number of rounds.
    """
    return spread([value / other for value, other in zip(values, reference, strict=True)])
