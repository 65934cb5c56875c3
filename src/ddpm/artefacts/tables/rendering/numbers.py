"""Numbers as a reader sees them: 9.46 ± 0.11, ≤ 3.75, 13.51 [±0.20]."""

from __future__ import annotations

import math

from ddpm.artefacts.published import PublishedNumber

# Keeps a number and its spread on one line where a narrow column wraps.
SPACE = "\N{NO-BREAK SPACE}"
_BOUND = {"": "", "<=": f"≤{SPACE}"}


def decimal(value: float, decimals: int) -> str:
    """`value` with `decimals` decimals, or with more, up to 6, until two of its digits show.

    Missing and infinite values give "".
    """
    if not math.isfinite(value):
        return ""
    if value != 0:
        decimals = max(decimals, min(6, 1 - math.floor(math.log10(abs(value)))))
    return f"{value:.{decimals}f}"


def measured(
    value: float, decimals: int, spread: float = math.nan, seed_spread: float = math.nan, bound: str = ""
) -> str:
    """A measured value; "" if it is missing.

    Args:
        value: the mean over runs.
        decimals: digits after the point (more for small values).
        spread: standard deviation within a run, set as ± as in the paper; NaN for none.
        seed_spread: standard deviation over training seeds, set as [±]; NaN for none.
        bound: "<=" for an upper bound.
    """
    if not math.isfinite(value):
        return ""
    text = _BOUND[bound] + decimal(value, decimals)
    if math.isfinite(spread):
        text += f"{SPACE}±{SPACE}{decimal(spread, decimals)}"
    if math.isfinite(seed_spread):
        text += f" [±{decimal(seed_spread, decimals)}]"
    return text


def published(number: PublishedNumber | None) -> str:
    """A published number with the digits that the paper prints; "" where it is blank."""
    if number is None or not number.printed:
        return ""
    spread = f"{SPACE}±{SPACE}{number.printed_spread}" if number.printed_spread else ""
    return _BOUND[number.bound] + number.printed + spread


def count(numbers: list[int]) -> str:
    """A count such as 1,000, or the range of several: 500 to 1,000; "an unknown number" for none."""
    if not numbers:
        return "an unknown number"
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
