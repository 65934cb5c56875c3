"""A table as HTML, as the paper sets it, and pages that need nothing else: no script, font or style file.

On a telephone, 390 points wide, the columns up to Table 1's FID fit; the rest is reached by scrolling.
"""

from __future__ import annotations

import itertools
import re
from html import escape

from ddpm.artefacts.tables.view import Cell, Group, View

_STYLE = """
:root { color-scheme: light dark; --ink: #1a1a1a; --paper: #fff; --soft: #555; --line: #999; --fine: #ddd;
        --link: #0b4f8a; --warn: #8a3b00; }
@media (prefers-color-scheme: dark) {
  :root { --ink: #e6e3dd; --paper: #17181a; --soft: #a9a69f; --line: #6d6d6d; --fine: #3a3a3a;
          --link: #8cbcf0; --warn: #f0a968; }
}
body { font: 16px/1.5 Georgia, "Times New Roman", serif; color: var(--ink); background: var(--paper);
       max-width: 62rem; margin: 2rem auto; padding: 0 1.2rem; }
h1 { font-size: 1.7rem; line-height: 1.25; } h2 { font-size: 1.15rem; margin: 2.5rem 0 .6rem; }
a { color: var(--link); } nav a { margin-right: .8rem; display: inline-block; }
.best { display: flex; flex-wrap: wrap; gap: .4rem 2.5rem; margin: 1rem 0; }
.best dd { margin: 0; font-size: 1.7rem; } .best small { font-size: .85rem; color: var(--soft); }
dt, details, .small { font-size: .85rem; color: var(--soft); }
summary { cursor: pointer; } code { overflow-wrap: anywhere; }
.wide { overflow-x: auto; }
table { border-collapse: collapse; border-top: 2px solid; border-bottom: 2px solid; font-size: .92rem;
        font-variant-numeric: tabular-nums; }
thead { border-bottom: 1px solid; }
th, td { padding: .15rem .7rem; text-align: right; vertical-align: baseline; font-weight: normal; }
td { white-space: nowrap; }
tbody th, thead tr:first-child th:first-child { text-align: left; padding-left: .2rem; }
th.over { text-align: center; border-bottom: 1px solid var(--line); }
tbody + tbody { border-top: 1px solid var(--line); }
tr.group th { font-style: italic; padding-top: .4rem; }
ul.notes { padding-left: 1.2rem; }
figure { margin: 2.5rem 0; }
figure img { max-width: 100%; height: auto; border: 1px solid var(--fine); background: #fff; }
figcaption { font-size: .92rem; margin-top: .4rem; } .missing { color: var(--warn); }
img.samples { max-width: 100%; height: auto; image-rendering: pixelated; }
ul.verdicts { padding-left: 1.2rem; }
.origin table { font-size: .78rem; } .origin td { white-space: normal; min-width: 4rem; text-align: left; }
.origin th { text-align: left; min-width: 9rem; }
@media (max-width: 40rem) {
  body { margin: 1rem auto; padding: 0 .7rem; }
  table { font-size: .78rem; } th, td { padding: .15rem .3rem; }
}
@media print {
  :root { color-scheme: light; --ink: #000; --paper: #fff; --soft: #333; --line: #666; --fine: #ccc;
          --link: #000; --warn: #000; }
  body { max-width: none; margin: 0; font-size: 11px; } nav, details { display: none; }
  figure, table, tr { break-inside: avoid; } h2 { break-after: avoid; } .wide { overflow: visible; }
}
"""
_BODY = "<body>\n"
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
            f'<details><summary>Notes</summary><ul class="notes">{notes}</ul></details>' if notes else "",
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
    over = ""
    for title, columns in itertools.groupby(column.over for column in view.columns):
        look = ' class="over"' if title else ""
        over += f'<th scope="colgroup" colspan="{len(list(columns))}"{look}>{text(title)}</th>'
    return f'<tr><th scope="col" rowspan="2">{label}</th>{over}</tr><tr>{names}</tr>'


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


def to_page(title: str, body: str) -> str:
    """A whole HTML page.

    Args:
        title: plain text, for the browser's title.
        body: HTML.
    """
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(title)}</title>\n<style>{_STYLE}</style>\n</head>\n{_BODY}{body}\n</body>\n</html>\n"
    )


def body_of(page: str) -> str:
    """The body of a page that `to_page` made, so that one page can include another."""
    return page.partition(_BODY)[2].rpartition("\n</body>")[0]
