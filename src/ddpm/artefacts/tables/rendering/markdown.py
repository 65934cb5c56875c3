"""A table as Markdown (a pipe table that is also readable as it stands), and back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.artefacts.tables.rendering.width import padded, width
from ddpm.errors import DataError

_SPECIAL = re.compile(r"[\\|*`<>]")
_ESCAPED = re.compile(r"\\([\\|*`<>])")
# A pipe of the content has a backslash before it, one between cells a space.
_BETWEEN_CELLS = re.compile(r"(?<!\\)\|")


def to_markdown(view: View) -> str:
    """The table as GitHub-flavoured Markdown: title, pipe table, footnotes as a list."""
    rows = [[_escape(view.label_heading), *(_escape(column.heading) for column in view.columns)]]
    for group in view.groups:
        if group.title:
            rows.append([_bold(group.title), *("" for _ in view.columns)])
        rows += [[_escape(line.label), *map(_cell, line.cells)] for line in group.lines]
    widths = [max(3, *(width(row[k]) for row in rows)) for k in range(len(rows[0]))]
    lines = [_pipes(row, widths) for row in rows]
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
    whole = len(rows) >= 2 and lines[0].startswith("# ") and len({len(row) for row in rows}) == 1
    if not whole:
        raise DataError(f"{path}: not a table that this project wrote; delete it and build it again")
    label_heading, *headings = [_unescape(cell.strip(" ")) for cell in rows[0]]
    return View(
        title=_unescape(lines[0].removeprefix("# ")),
        label_heading=label_heading,
        columns=[Column(heading) for heading in headings],
        groups=_groups([[cell.strip(" ") for cell in row] for row in rows[2:]]),
        notes=[_unescape(line.removeprefix("- ")) for line in lines if line.startswith("- ")],
    )


def _groups(rows: Sequence[Sequence[str]]) -> list[Group]:
    groups: list[tuple[str, list[Line]]] = []
    for label, *cells in rows:
        if label.startswith("**"):
            groups.append((_unescape(label[2:-2]), []))
            continue
        if not groups:
            groups.append(("", []))
        groups[-1][1].append(Line(_unescape(label), [_read_cell(cell) for cell in cells]))
    return [Group(title, lines) for title, lines in groups]


def _read_cell(text: str) -> Cell:
    best = text.startswith("**")
    return Cell(_unescape(text[2:-2] if best else text), best)


def _cell(cell: Cell) -> str:
    return _bold(cell.text) if cell.best else _escape(cell.text)


def _bold(text: str) -> str:
    return f"**{_escape(text)}**"


def _escape(text: str) -> str:
    return _SPECIAL.sub(r"\\\g<0>", re.sub(r"[\r\n\t]+", " ", text))


def _unescape(text: str) -> str:
    return _ESCAPED.sub(r"\1", text)


def _pipes(row: Sequence[str], widths: Sequence[int]) -> str:
    cells = [padded(text, w, right=k > 0) for k, (text, w) in enumerate(zip(row, widths, strict=True))]
    return "| " + " | ".join(cells) + " |"
