"""Table 2: what the network predicts and which objective trains it, measured beside published."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ddpm.artefacts import artefact
from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import footnotes, numbers
from ddpm.artefacts.tables.measured_rows import MeasuredRows, csv_frame, fields_of
from ddpm.artefacts.tables.measures import FID, FID_TEST, IS
from ddpm.artefacts.tables.table import BuiltTable, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import quality_rows, reference_rows

if TYPE_CHECKING:
    from ddpm.study.settings import Study

_TITLE = "Table 2. Prediction and training objective (IS, higher is better; FID, lower is better)"
_SHOWN = (IS, FID)
_MEASURES = (*_SHOWN, FID_TEST)
_BLANK_NOTE = (
    "Blank published entries: training was unstable there and samples poor, with scores out of range."
)
_DIVERGED_NOTE = "Diverged: a loss was not finite, so that seed has no samples; means are over the others."
_SPLIT_NOTE = "FID is taken against the training split. Seeds are training seeds."


class Table2Settings(artefact.RowsSettings):
    """Table 2: one model for each of the six rows."""

    mu_tilde_L_learned: str
    mu_tilde_L_fixed: str
    mu_tilde_mse: str
    epsilon_L_learned: str
    epsilon_L_fixed: str
    epsilon_L_simple: str


def _inputs(study: Study, settings: Table2Settings) -> Inputs:
    models = list(settings.rows.values())
    reference = reference_rows(study, models)
    return {"rows": quality_rows(study, models), "reference": reference, "published": [PUBLISHED]}


def _build(study: Study, settings: Table2Settings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    published = read_published(inputs["published"][0])
    ours = MeasuredRows(study, read_measurements(inputs["rows"]), settings.rows, _MEASURES)
    quoted = {row: _quoted(published, row) for row in settings.rows}
    fields = [_fields(ours, row, quoted[row]) for row in quoted]
    diverged = [_DIVERGED_NOTE] if any("diverged" in status for status in ours.statuses.values()) else []
    return BuiltTable(
        frame=csv_frame(fields, fields[0]),
        view=View(
            title=_TITLE,
            label_heading="Objective",
            columns=[
                *(Column(measure.column, "published, CIFAR-10") for measure in _SHOWN),
                *(Column(measure.column, "measured here") for measure in _SHOWN),
                Column("Status"),
                Column("Seeds"),
            ],
            groups=grouped((quoted[row]["IS"].group, _line(quoted[row], ours, row)) for row in quoted),
            notes=footnotes.of_table(study, [ours], [_BLANK_NOTE, *diverged, _SPLIT_NOTE]),
        ),
        trace=joined(ours.trace(column_prefix="measured_")),
    )


def _quoted(published: Published, row: str) -> dict[str, PublishedNumber]:
    return {measure.column: published.number("table2", row, measure.metric) for measure in _SHOWN}


def _fields(ours: MeasuredRows, row: str, quoted: dict[str, PublishedNumber]) -> dict[str, Any]:
    first = quoted["IS"]
    return {
        "group": first.group,
        "row": row,
        "label": first.label,
        **ours.description(row),
        "published_data": "CIFAR-10",
        "published_IS": first.value,
        "published_IS_spread": first.spread,
        "published_FID": quoted["FID"].value,
        "published_best": " ".join(column for column, number in quoted.items() if number.best),
        "published_note": first.note,
        "measured_data": footnotes.data_of(ours.study, [ours.models[row]]),
        **fields_of(ours.summaries[row], _MEASURES, "measured_"),
        "measured_best": " ".join(ours.best(row)),
    }


def _line(quoted: dict[str, PublishedNumber], ours: MeasuredRows, row: str) -> Line:
    best = ours.best(row)
    cells = [Cell(numbers.published(number), number.best) for number in quoted.values()]
    cells += [ours.cell(row, measure, measure.column in best) for measure in _SHOWN]
    cells += [Cell(ours.shown_status(row)), Cell(", ".join(map(str, ours.seeds(row))))]
    return Line(quoted["IS"].label, cells)


TABLE = artefact.Table(name="table2", settings=Table2Settings, inputs=_inputs, build=_build)
