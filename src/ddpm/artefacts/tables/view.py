"""What a table shows, before it is set in any format."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Sequence


@dataclasses.dataclass(frozen=True)
class Cell:
    """One entry: its text ("" for a blank) and whether it is set bold as the best of its kind."""

    text: str = ""
    best: bool = False


@dataclasses.dataclass(frozen=True)
class Column:
    """A heading, with the heading that stands over it and its neighbours ("" for none)."""

    name: str
    over: str = ""

    @property
    def heading(self) -> str:
        """The whole heading in one line, for formats without headings over several columns."""
        return f"{self.name} ({self.over})" if self.over else self.name


@dataclasses.dataclass(frozen=True)
class Line:
    """One row: its label and one cell for each column."""

    label: str
    cells: Sequence[Cell]


@dataclasses.dataclass(frozen=True)
class Group:
    """Rows under a common heading ("" for none)."""

    title: str
    lines: Sequence[Line]


def grouped(lines: Iterable[tuple[str, Line]]) -> list[Group]:
    """Groups from rows with the heading of each, in the order in which headings first occur."""
    groups: dict[str, list[Line]] = {}
    for title, line in lines:
        groups.setdefault(title, []).append(line)
    return [Group(title, found) for title, found in groups.items()]


@dataclasses.dataclass(frozen=True)
class View:
    """A table.

    Attributes:
        title: one line above it, for example "Table 2. ...".
        label_heading: heading of the rows' labels.
        columns: headings of the cells.
        groups: the rows.
        notes: footnotes: protocol, number of samples, what may be compared with what.
    """

    title: str
    label_heading: str
    columns: Sequence[Column]
    groups: Sequence[Group]
    notes: Sequence[str] = ()

    def __post_init__(self) -> None:
        for line in (line for group in self.groups for line in group.lines):
            if len(line.cells) != len(self.columns):
                raise ValueError(f"{line.label}: {len(line.cells)} cells for {len(self.columns)} columns")

    def without_blank_columns(self) -> View:
        """The table without the columns that have no text in any row."""
        lines = [line for group in self.groups for line in group.lines]
        kept = [n for n in range(len(self.columns)) if any(line.cells[n].text for line in lines)]
        groups = [
            Group(group.title, [Line(line.label, [line.cells[n] for n in kept]) for line in group.lines])
            for group in self.groups
        ]
        return dataclasses.replace(self, columns=[self.columns[n] for n in kept], groups=groups)
