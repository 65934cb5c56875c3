"""Table 2: what the network predicts and which objective trains it, measured beside published."""

from __future__ import annotations

from typing import Any

from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import measures, notes, trace
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.measured_models import MeasuredModels, csv_columns, csv_frame, fields_of
from ddpm.artefacts.tables.rendering import numbers
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.measurements import read_measurements
from ddpm.study.artefacts import Table2Settings
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study

_TITLE = "Table 2. Prediction and training objective (IS, higher is better; FID, lower is better)"
_SHOWN = (measures.IS, measures.FID)
_ROWS = tuple(Table2Settings.model_fields)
_LEADING = (
    *("group", "row", "label", "model", "status", "training_seeds", "sampling_seeds", "published_data"),
    *("published_IS", "published_IS_spread", "published_FID", "published_best", "published_note"),
    "measured_data",
)
_BLANK_NOTE = (
    "Blank published entries: training was unstable there and samples poor, with scores out of range."
)
_DIVERGED_NOTE = "Diverged: a loss was not finite, so that seed has no samples; means are over the others."


def build(study: Study) -> BuiltTable:
    """Builds Table 2 from the files that `artefact_inputs` names.

    Raises:
        DataError: an input is missing, damaged, or lacks a number that the table shows.
    """
    inputs = artefact_inputs(study, "table2")
    published = read_published(inputs["published"][0])
    models = study.artefacts.rows_of("table2")
    ours = MeasuredModels(study, read_measurements(inputs["rows"]), models, measures.TABLE2)
    return BuiltTable(
        frame=csv_frame(
            [_published_fields(published, row) | _measured_fields(ours, row) for row in _ROWS],
            [*_LEADING, *csv_columns(measures.TABLE2, "measured_"), "measured_best"],
        ),
        view=View(
            title=_TITLE,
            label_heading="Objective",
            columns=[
                *(Column(measure.column, "published, CIFAR-10") for measure in _SHOWN),
                *(Column(measure.column, "measured here") for measure in _SHOWN),
                Column("Status"),
                Column("Seeds"),
            ],
            groups=_groups(published, ours),
            notes=[
                notes.PUBLISHED_NOTE,
                *notes.measured_notes(study, list(models.values())),
                notes.comparability_note(study, models.values()),
                *ours.fewer,
                _BLANK_NOTE,
                *([_DIVERGED_NOTE] if ours.diverged else []),
                "FID is taken against the training split. Seeds are training seeds.",
                notes.SPREAD_NOTE,
                *ours.protocols,
            ],
        ),
        trace=trace.join(ours.trace(column_prefix="measured_")),
    )


def _published_fields(published: Published, row: str) -> dict[str, Any]:
    quoted = _quoted(published, row)
    first = quoted["IS"]
    fields: dict[str, Any] = {"group": first.group, "row": row, "label": first.label}
    for column, number in quoted.items():
        fields |= {f"published_{column}": number.value, f"published_{column}_spread": number.spread}
    fields["published_data"] = "CIFAR-10"
    fields["published_best"] = " ".join(column for column, number in quoted.items() if number.best)
    fields["published_note"] = first.note
    return fields


def _measured_fields(ours: MeasuredModels, row: str) -> dict[str, Any]:
    data = {
        "measured_data": notes.data_of(ours.study, [ours.models[row]]),
        "measured_best": " ".join(ours.best(row)),
    }
    return ours.description(row) | fields_of(ours.summaries[row], "measured_") | data


def _groups(published: Published, ours: MeasuredModels) -> list[Group]:
    groups: dict[str, list[Line]] = {}
    for row in _ROWS:
        quoted = _quoted(published, row)
        groups.setdefault(quoted["IS"].group, []).append(_line(quoted, ours, row))
    return [Group(title, lines) for title, lines in groups.items()]


def _line(quoted: dict[str, PublishedNumber], ours: MeasuredModels, row: str) -> Line:
    best = ours.best(row)
    cells = [Cell(numbers.published(number), number.best) for number in quoted.values()]
    cells += [ours.cell(row, measure, measure.column in best) for measure in _SHOWN]
    cells += [Cell(ours.shown_status(row)), Cell(", ".join(map(str, ours.seeds(row))))]
    return Line(quoted["IS"].label, cells)


def _quoted(published: Published, row: str) -> dict[str, PublishedNumber]:
    return {measure.column: published.number("table2", row, measure.metric) for measure in _SHOWN}
