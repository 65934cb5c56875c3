"""Times and sizes as people read them, in two or three digits."""

from __future__ import annotations


def duration(seconds: float) -> str:
    """Two or three digits: "45 s", "12 min", "10.6 h", "92 days", "6.3 years"."""
    for length, unit, upto in ((1, "s", 90), (60, "min", 90), (3600, "h", 48), (86400, "days", 730)):
        if seconds < upto * length:
            return f"{_digits(seconds / length)} {unit}"
    return f"{_digits(seconds / (365.25 * 86400))} years"


def size(count: float) -> str:
    """Bytes in decimal units: "640 kB", "3.1 GB"."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 999.5:
            return f"{_digits(count)} {unit}"
        count /= 1000
    return f"{_digits(count)} TB"


def _digits(number: float) -> str:
    if number == 0 or number >= 99.95:
        return f"{number:,.0f}"
    return f"{number:.3g}" if number >= 9.95 else f"{number:.2g}"
