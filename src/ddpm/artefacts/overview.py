"""What a study has come to, in a few lines: each model's numbers, where things lie, and the time it took."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ddpm.artefacts.tables.text import to_plain_text
from ddpm.artefacts.tables.view import Cell, Column, Group, Line, View
from ddpm.evaluation.metrics import Metrics, metrics
from ddpm.graph import layout
from ddpm.graph.run_files import likelihood_rows, quality_rows
from ddpm.records.benchmarks import costs
from ddpm.study import Study

# Heading, key of `metrics`, and how the number is written.
_COLUMNS = (
    ("FID", "FID_train", "{:.2f}"),
    ("FID test", "FID_test", "{:.2f}"),
    ("IS", "IS", "{:.2f}"),
    ("NLL test", "NLL_test", "<= {:.2f}"),
)


def model_numbers(study: Study) -> Metrics:
    """Means over seeds of what is measured so far, as `ddpm.evaluation.metrics.metrics` gives them."""
    files = [*quality_rows(study, study.models), *likelihood_rows(study, study.models)]
    return metrics([file for file in files if Path(file).exists()])


def numbers_text(study: Study, columns: int) -> str:
    """A line for each model that is measured, at most `columns` wide; "" if none is."""
    found = model_numbers(study)
    shown = [column for column in _COLUMNS if any(column[1] in numbers for numbers in found.values())]
    if not shown:
        return ""
    lines = [
        Line(
            name,
            [Cell(form.format(found[name][key]) if key in found[name] else "") for _, key, form in shown],
        )
        for name in study.models
        if name in found
    ]
    title = "FID against training images; means over seeds; NLL in bits/dim"
    headings = [Column(heading) for heading, _, _ in shown]
    return to_plain_text(View(title, "Model", headings, [Group("", lines)]), columns)


def places(study: Study) -> dict[str, Any]:
    """The study's folder, its figures, how many it asks for, and its report; None if that is not there."""
    figures = study.artefacts.figures
    pngs = {name: layout.path(layout.FIGURE_PNG, study.name, figure=name) for name in figures}
    report = layout.path(layout.REPORT, study.name)
    return {
        "folder": layout.home(study.name),
        "figures": {name: str(path) for name, path in pngs.items() if path.exists()},
        "figures_asked_for": len(figures),
        "report": str(report) if report.exists() else None,
    }


def computing_seconds(study: Study) -> float:
    """What the last runs of the jobs that compute took, added up, by Snakemake's benchmarks; 0 for none."""
    return sum(cost.seconds for cost in costs(study.name))
