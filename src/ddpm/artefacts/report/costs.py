"""What the study cost here, in the report: time and memory of its jobs by rule."""

from __future__ import annotations

import math
import re
from html import escape

from ddpm.records.benchmarks import Cost, costs
from ddpm.study import Study

_HEADS = ("Step", "Jobs", "Time", "Processor", "Memory, at most")
_ABOUT = (
    "Of the last run of each job that computes, as Snakemake measured it: wall time with the jobs one after "
    "another, processor time, and the most memory that one job held."
)
_SECTION = re.compile(r'<section id="costs">.*?</section>', re.DOTALL)


def costs_section(study: Study) -> str:
    """The section as HTML; "" where no benchmark files are."""
    found = costs(study.name)
    if not found:
        return ""
    total = Cost(
        "together",
        sum(cost.jobs for cost in found),
        sum(cost.seconds for cost in found),
        sum(cost.cpu_seconds for cost in found),
        max(cost.memory for cost in found),
    )
    rows = "\n".join(map(_row, found))
    heads = "".join(f'<th scope="col">{name}</th>' for name in _HEADS)
    return (
        '<section id="costs">\n<h2>Time and cost</h2>\n<div class="wide"><table>\n'
        f"<thead><tr>{heads}</tr></thead>\n"
        f"<tbody>\n{rows}\n</tbody>\n<tbody>\n{_row(total)}\n</tbody>\n</table></div>\n"
        f'<p class="small">{_ABOUT}</p>\n</section>'
    )


def costs_of(page: str) -> str:
    """The section of a report as it is written; "" if it has none."""
    found = _SECTION.search(page)
    return found.group() if found else ""


def _row(cost: Cost) -> str:
    values = [f"{cost.jobs:,}", _time(cost.seconds), _time(cost.cpu_seconds), _memory(cost.memory)]
    return (
        f'<tr><th scope="row">{escape(cost.rule)}</th>{"".join(f"<td>{value}</td>" for value in values)}</tr>'
    )


def _time(seconds: float) -> str:
    if not math.isfinite(seconds):
        return ""
    if seconds < 100:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 6000 else f"{seconds / 3600:.1f} h"


def _memory(megabytes: float) -> str:
    return f"{megabytes / 1000:.1f} GB" if math.isfinite(megabytes) else ""
