"""A table as aligned plain text that fits a terminal."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence

from ddpm.artefacts.tables.rendering.view import Cell, View
from ddpm.artefacts.tables.rendering.width import padded, width

_GAP = 2
_BEST = "*"


def to_plain_text(view: View, columns: int = 100) -> str:
    """The table in at most `columns` terminal columns; long entries wrap, best values carry a *.

    A table whose longest words alone need more is set as narrow as they allow.
    """
    rows: list[list[str] | str] = [[view.label_heading, *(column.heading for column in view.columns)], ""]
    for group in view.groups:
        if group.title:
            rows.append(group.title)
        indent = "  " if group.title else ""
        rows += [[indent + line.label, *map(_cell, line.cells)] for line in group.lines]
    widths = _widths([row for row in rows if isinstance(row, list)], columns)
    rule = "-" * (sum(widths) + _GAP * (len(widths) - 1))
    lines = [*textwrap.wrap(view.title, columns), rule]
    for row in rows:
        lines += _row(row, widths) if isinstance(row, list) else textwrap.wrap(row, columns) or [rule]
    lines.append(rule)
    best = any(cell.best for group in view.groups for line in group.lines for cell in line.cells)
    notes = [f"{_BEST} best: of the published numbers, and of those measured here"] if best else []
    for note in [*notes, *view.notes]:
        lines += textwrap.wrap(note, columns, subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def _cell(cell: Cell) -> str:
    return cell.text + _BEST if cell.best and cell.text else cell.text


def _widths(rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Widths that fit: the widest column that can still wrap gives way first."""
    entries = list(zip(*rows, strict=True))
    widths = [max(map(width, column)) for column in entries]
    least = [max(width(word) for text in column for word in text.split(" ")) for column in entries]
    # Room for a label's indent, which must not stand on a line of its own.
    least[0] = min(widths[0], max(least[0] + 2, 16))
    while sum(widths) + _GAP * (len(widths) - 1) > columns:
        room = [have - need for have, need in zip(widths, least, strict=True)]
        if max(room) <= 0:
            break
        widest = max((k for k in range(len(widths)) if room[k] > 0), key=lambda k: widths[k])
        widths[widest] -= 1
    return widths


def _row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of one row: each entry wrapped in its column, labels left and numbers right."""
    wrapped = [_wrap(text, limit) for text, limit in zip(row, widths, strict=True)]
    lines = []
    for k in range(max(map(len, wrapped))):
        parts = [entry[k] if k < len(entry) else "" for entry in wrapped]
        cells = [padded(part, w, right=j > 0) for j, (part, w) in enumerate(zip(parts, widths, strict=True))]
        lines.append((" " * _GAP).join(cells).rstrip(" "))
    return lines


def _wrap(text: str, limit: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip(" ")))
    # A mark that takes no column must not count towards the limit.
    marks = len(text) - width(text)
    lines = textwrap.wrap(
        text.strip(" "),
        limit + max(0, marks),
        initial_indent=indent,
        subsequent_indent=indent + "  " if indent else "",
        break_long_words=False,
        break_on_hyphens=False,
    )
    return lines or [""]
