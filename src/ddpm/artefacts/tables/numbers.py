"""Numbers as a reader sees them: 9.46 ± 0.11, ≤ 3.75, 13.51 [±0.20]."""

from __future__ import annotations

import math
from decimal import Decimal

from ddpm.artefacts.published import PublishedNumber

# Keeps a number and its spread on one line where a narrow column wraps.
SPACE = "\N{NO-BREAK SPACE}"
FEWER = "†"  # marks a number of fewer images than the paper's
_SMALL = 1e-4  # below it, values are set with a power of ten


def decimal(value: float, decimals: int) -> str:
    """`value` with `decimals` decimals, or with more until two of its digits show.

    Values below 1e-4 are set as 7.5e-6; missing and infinite ones give "".
    """
    if not math.isfinite(value):
        return ""
    if 0 < abs(value) < _SMALL:
        return _scientific(value)
    if value != 0:
        decimals = max(decimals, 1 - math.floor(math.log10(abs(value))))
    return f"{value:.{decimals}f}"


def as_printed(value: float, printed: str, sign: bool = False) -> str:
    """`value` with as many decimals as a printed number: 3.2049 beside 3.17 is 3.20; "" if it is missing.

    Args:
        value: a measured value, or its difference from the printed one.
        printed: the digits in print; one such as 1e-5 makes `value` one of two digits, 7.5e-6.
        sign: set a plus before what is not negative.
    """
    if not math.isfinite(value):
        return ""
    scientific = "e" in printed.lower()
    decimals = max(0, -int(Decimal(printed).as_tuple().exponent))
    text = _scientific(value) if scientific else f"{value:.{decimals}f}"
    if float(text) == 0:
        return text.removeprefix("-")
    return f"+{text}" if sign and value > 0 else text


def bounded(text: str, bound: str) -> str:
    """A number's text with ≤ before it where `bound` is "<="."""
    return f"≤{SPACE}{text}" if bound else text


def half_unit(printed: str) -> float:
    """Half a unit of the last digit of a printed number: 0.005 of 3.17, 5e-6 of 1e-5."""
    return float(Decimal((0, (5,), int(Decimal(printed).as_tuple().exponent) - 1)))


def _scientific(value: float) -> str:
    """Two digits and a power of ten without leading zeros: 7.5e-6."""
    digits, exponent = f"{value:.1e}".split("e")
    return f"{digits}e{int(exponent)}"


def plus_minus(spread: float, decimals: int) -> str:
    """A spread as it follows a number; "" if it is NaN."""
    return f"{SPACE}±{SPACE}{deviation(spread, decimals)}" if math.isfinite(spread) else ""


def deviation(value: float, decimals: int) -> str:
    """A spread with as many decimals as its number, or with more where that would show it as 0."""
    text = f"{value:.{decimals}f}"
    return text if float(text) or not value else decimal(value, decimals)


def published(number: PublishedNumber | None) -> str:
    """A published number with the digits that the paper prints; "" where it is blank."""
    if number is None or not number.printed:
        return ""
    spread = f"{SPACE}±{SPACE}{number.printed_spread}" if number.printed_spread else ""
    return bounded(number.printed + spread, number.bound)
