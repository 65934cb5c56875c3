"""Tables in Markdown, and numbers in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from timing.ratios import Spread


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table; numbers are set by the caller."""
    lines = [header, ["---"] * len(header), *rows]
    return "".join("| " + " | ".join(line) + " |\n" for line in lines)


def conditions_text(record: dict[str, Any]) -> str:
    """Where a record comes from, as a sentence."""
    named = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    return (
        f"{record['hardware']}; {named}; {record['threads']} thread(s); load {record['load_before']} before, "
        f"{record['load_after']} after; commit {record['git_commit']}."
    )


def spread_text(value: Spread, digits: int = 3) -> str:
    """The median with the smallest and largest in brackets."""
    return f"{value.median:.{digits}f} ({value.least:.{digits}f}-{value.most:.{digits}f})"


def seconds_text(value: float) -> str:
    """Three digits."""
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"


def mib(size: float) -> str:
    """Bytes as MiB."""
    return f"{size / 2**20:,.0f}"
