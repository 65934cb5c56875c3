"""A table as text: Markdown, which can be read back, and aligned plain text that fits a terminal."""

from __future__ import annotations

import dataclasses
import re
import textwrap
import unicodedata
from collections.abc import Iterator, Sequence
from pathlib import Path

from ddpm.artefacts.tables.view import Cell, Column, Group, Line, View
from ddpm.errors import DataError

_SPECIAL, _ESCAPED = re.compile(r"[\\|*`<>]"), re.compile(r"\\([\\|*`<>])")
# A pipe of the content has a backslash before it, one between cells a space.
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")
_GAP = "  "  # between the columns of plain text


def to_markdown(view: View) -> str:
    """The table as GitHub-flavoured Markdown: title, pipe table, footnotes as a list."""
    rows = [[_escape(view.label_heading), *(_escape(column.heading) for column in view.columns)]]
    for group in view.groups:
        rows += [[_escape(group.title, bold=True), *("" for _ in view.columns)]] if group.title else []
        for line in group.lines:
            rows.append([_escape(line.label), *(_escape(cell.text, cell.best) for cell in line.cells)])
    widths = [max(3, *map(width, column)) for column in zip(*rows, strict=True)]
    lines = [f"| {' | '.join(_aligned(row, widths))} |" for row in rows]
    lines.insert(1, "|" + "|".join(["-" * (widths[0] + 2), *("-" * (w + 1) + ":" for w in widths[1:])]) + "|")
    notes = [f"- {_escape(note)}" for note in view.notes]
    return "\n".join([f"# {_escape(view.title)}", "", *lines, "", *notes]).rstrip("\n") + "\n"


def from_markdown(text: str, path: str | Path = "table") -> View:
    """The view that `to_markdown` set, with headings over several columns written out in each.

    Args:
        text: the Markdown.
        path: where it was read, for messages.

    Raises:
        DataError: this is not a table that `to_markdown` wrote.
    """
    lines = text.split("\n")
    rows = [_BETWEEN_CELLS.split(line)[1:-1] for line in lines if line.startswith("|")]
    if len(rows) < 2 or not lines[0].startswith("# ") or len({len(row) for row in rows}) != 1:
        raise DataError(f"{path}: not a table that this project wrote; delete it and build it again")
    (label_heading, *headings), _, *content = [[_read_cell(cell.strip(" ")) for cell in row] for row in rows]
    groups: list[tuple[str, list[Line]]] = []
    for label, *cells in content:
        if label.best or not groups:
            groups.append((label.text if label.best else "", []))
        if not label.best:
            groups[-1][1].append(Line(label.text, cells))
    return View(
        title=_unescape(lines[0].removeprefix("# ")),
        label_heading=label_heading.text,
        columns=[Column(heading.text) for heading in headings],
        groups=[Group(title, found) for title, found in groups],
        notes=[_unescape(line.removeprefix("- ")) for line in lines if line.startswith("- ")],
    )


def _read_cell(text: str) -> Cell:
    best = text.startswith("**")
    return Cell(_unescape(text[2:-2] if best else text), best)


def _escape(text: str, bold: bool = False) -> str:
    escaped = _SPECIAL.sub(r"\\\g<0>", re.sub(r"[\r\n\t]+", " ", text))
    return f"**{escaped}**" if bold else escaped


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def to_plain_text(view: View, columns: int = 100) -> str:
    """The table in at most `columns` terminal columns; long entries wrap, best values carry a *.

    A table whose longest words alone need more goes on below with its last columns, and the rows that have
    entries there.
    """
    lines = textwrap.wrap(view.title, columns)
    for part in _parts(view, columns):
        rows = _rows(part)
        widths = _fitting_widths(rows, columns)
        rule = "-" * _total(widths)
        lines += [rule, *_wrapped_row(rows[0], widths), rule]
        for row in rows[1:]:
            lines += _wrapped_row(row, widths) if len(row) > 1 else textwrap.wrap(row[0], columns)
    lines.append(rule)
    best = any(cell.best for group in view.groups for line in group.lines for cell in line.cells)
    for note in [*(["* best: of the published numbers, and of those measured here"] * best), *view.notes]:
        lines += textwrap.wrap(note, columns, subsequent_indent="  ")
    return "\n".join(lines) + "\n"


def _parts(view: View, columns: int) -> Iterator[View]:
    """The table in tables of fewer columns that fit; one column each at the least."""
    count = len(view.columns)
    while count > 1 and _total(_fitting_widths(_rows(_with_columns(view, 0, count)), columns)) > columns:
        count -= 1
    yield _with_columns(view, 0, count)
    if count < len(view.columns):
        rest = _with_columns(view, count, len(view.columns))
        filled = [
            Group(group.title, lines)
            for group in rest.groups
            if (lines := [line for line in group.lines if any(cell.text for cell in line.cells)])
        ]
        yield from _parts(dataclasses.replace(rest, groups=filled), columns)


def _with_columns(view: View, first: int, end: int) -> View:
    groups = [
        Group(group.title, [Line(line.label, line.cells[first:end]) for line in group.lines])
        for group in view.groups
    ]
    return dataclasses.replace(view, columns=view.columns[first:end], groups=groups)


def _rows(view: View) -> list[list[str]]:
    """The heading and the rows; a group's title is a row of one entry."""
    rows = [[view.label_heading, *(column.heading for column in view.columns)]]
    for group in view.groups:
        rows += [[group.title]] if group.title else []
        indent = "  " if group.title else ""
        rows += [
            [indent + line.label, *(cell.text + "*" * (cell.best and bool(cell.text)) for cell in line.cells)]
            for line in group.lines
        ]
    return rows


def _total(widths: Sequence[int]) -> int:
    return sum(widths) + len(_GAP) * (len(widths) - 1)


def _fitting_widths(rows: Sequence[Sequence[str]], columns: int) -> list[int]:
    """Widths that fit: the widest column that can still wrap gives way first."""
    entries = list(zip(*(row for row in rows if len(row) > 1), strict=True))
    widths = [max(map(width, column)) for column in entries]
    least = [max(width(word) for text in column for word in text.split(" ")) for column in entries]
    # A label's indent must not stand on a line of its own.
    least[0] = min(widths[0], max(least[0] + 2, 16))
    while _total(widths) > columns:
        wrappable = [k for k in range(len(widths)) if widths[k] > least[k]]
        if not wrappable:
            break
        widths[max(wrappable, key=lambda k: widths[k])] -= 1
    return widths


def _wrapped_row(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The lines of one row: each entry wrapped in its column, labels left and numbers right."""
    entries = [_wrap(text, limit) for text, limit in zip(row, widths, strict=True)]
    count = max(map(len, entries))
    lines = zip(*(entry + [""] * (count - len(entry)) for entry in entries), strict=True)
    return [_GAP.join(_aligned(line, widths)).rstrip(" ") for line in lines]


def _wrap(text: str, limit: int) -> list[str]:
    indent = " " * (len(text) - len(text.lstrip(" ")))
    # A mark that takes no column must not count towards the limit.
    limit += max(0, len(text) - width(text))
    wrapper = textwrap.TextWrapper(limit, indent, indent + "  " if indent else "")
    wrapper.break_long_words = wrapper.break_on_hyphens = False
    return wrapper.wrap(text.strip(" ")) or [""]


def width(text: str) -> int:
    """Terminal columns that `text` takes: marks such as the tilde of μ̃ take none, wide signs two."""
    return sum(
        0 if unicodedata.combining(sign) else 2 if unicodedata.east_asian_width(sign) in "WF" else 1
        for sign in text
    )


def _aligned(row: Sequence[str], widths: Sequence[int]) -> list[str]:
    """The entries filled up with spaces to their widths: the first at its right, the others at their left."""
    filling = [" " * (w - width(text)) for text, w in zip(row, widths, strict=True)]
    return [row[0] + filling[0], *(space + text for text, space in zip(row[1:], filling[1:], strict=True))]
