"""A table as HTML, as the paper sets it: rules above and below, groups, best values bold."""

from __future__ import annotations

import itertools
import re
from collections.abc import Sequence
from html import escape

from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, View

_OVER = ' class="over"'
_SUBSCRIPT = re.compile(r"(?<=\bL)_(simple)|_(θ)")


def to_html(view: View) -> str:
    """The table and its footnotes as a <section>; all text is escaped."""
    notes = "".join(f"<li>{text(note)}</li>" for note in view.notes)
    return "\n".join(
        [
            "<section>",
            f"<h2>{text(view.title)}</h2>",
            '<div class="wide"><table>',
            f"<thead>{_heads(view)}</thead>",
            *(_group(group, len(view.columns)) for group in view.groups),
            "</table></div>",
            f'<ul class="notes">{notes}</ul>' if notes else "",
            "</section>",
        ]
    )


def text(content: str) -> str:
    """Escaped text in which L_simple and θ's of norms have their subscripts."""
    return _SUBSCRIPT.sub(r"<sub>\1\2</sub>", escape(content))


def _heads(view: View) -> str:
    names = "".join(f'<th scope="col">{text(column.name)}</th>' for column in view.columns)
    label = text(view.label_heading)
    if not any(column.over for column in view.columns):
        return f'<tr><th scope="col">{label}</th>{names}</tr>'
    return f'<tr><th scope="col" rowspan="2">{label}</th>{_over(view.columns)}</tr><tr>{names}</tr>'


def _over(columns: Sequence[Column]) -> str:
    spans = [(over, len(list(run))) for over, run in itertools.groupby(column.over for column in columns)]
    return "".join(
        f'<th scope="colgroup" colspan="{n}"{_OVER if over else ""}>{text(over)}</th>' for over, n in spans
    )


def _group(group: Group, columns: int) -> str:
    lines = [
        f'<tr><th scope="row">{text(line.label)}</th>{"".join(map(_cell, line.cells))}</tr>'
        for line in group.lines
    ]
    if group.title:
        lines.insert(0, f'<tr class="group"><th colspan="{columns + 1}">{text(group.title)}</th></tr>')
    return "\n".join(["<tbody>", *lines, "</tbody>"])


def _cell(cell: Cell) -> str:
    content = text(cell.text)
    return f"<td><strong>{content}</strong></td>" if cell.best and content else f"<td>{content}</td>"
