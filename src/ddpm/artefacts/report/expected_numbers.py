"""The report's answer to: are these the numbers that others got of this study?"""

from __future__ import annotations

import os
from collections.abc import Sequence
from html import escape
from pathlib import Path

from ddpm.artefacts.expected import DIFFERS, WITHIN, Expected, Judged, judge, read_expected, table_numbers
from ddpm.graph import layout
from ddpm.graph.dependencies import expected_file
from ddpm.study import Study

_HEADS = ("Number", "Here", "Expected", "Tolerance", "")


def judged_numbers(study: Study) -> tuple[Expected, list[Judged]] | None:
    """The study's numbers beside those that are expected; None where none are.

    Raises:
        DataError: the file, or a table's trace, is damaged.
    """
    file = expected_file(study)
    if not os.path.exists(file):
        return None
    expected = read_expected(Path(file))
    return expected, judge(expected, table_numbers(layout.home(study.name), study.artefacts.tables))


def expected_section(study: Study) -> str:
    """The section as HTML; "" where nothing is expected of the study."""
    found = judged_numbers(study)
    if found is None:
        return ""
    expected, judged = found
    differing = [number for number in judged if number.outcome == DIFFERS]
    rest = [number for number in judged if number.outcome != DIFFERS]
    about = "".join(f"<li>{escape(line)}</li>" for line in expected.about)
    return (
        '<section id="expected">\n<h2>Expected numbers</h2>\n'
        + (f"<p>These differ:</p>\n{_table(differing)}\n" if differing else "")
        + f"<details><summary>{len(rest)} {'others' if differing else 'numbers'}</summary>\n"
        f"{_table(rest)}\n"
        f'<ul class="notes">{about}</ul></details>\n</section>'
    )


def _table(numbers: Sequence[Judged]) -> str:
    head = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    return (
        f'<div class="wide"><table>\n<thead><tr>{head}</tr></thead>\n<tbody>\n'
        + "\n".join(map(_row, numbers))
        + "\n</tbody>\n</table></div>"
    )


def _row(number: Judged) -> str:
    here = "" if number.here != number.here else f"{number.here:.6g}"
    outcome = "" if number.outcome == WITHIN else number.outcome
    values = (here, f"{number.expected:.6g}", f"±\u2009{number.tolerance:.2g}", outcome)
    cells = "".join(f"<td>{escape(value)}</td>" for value in values)
    return f'<tr><th scope="row">{escape(str(number.place))}</th>{cells}</tr>'
