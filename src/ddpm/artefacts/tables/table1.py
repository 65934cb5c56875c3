"""Table 1: IS, FID and NLL of the paper's systems, and of both of ours measured on the study's data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from ddpm.artefacts import artefact
from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import footnotes, measures, numbers
from ddpm.artefacts.tables.measured_rows import (
    MeasuredRows,
    cell_of,
    csv_frame,
    fields_of,
    summaries_of,
)
from ddpm.artefacts.tables.measures import Measure
from ddpm.artefacts.tables.table import BuiltTable, cell_trace, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs, likelihood_rows, quality_rows, reference_rows

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study

_TITLE = "Table 1. Sample quality (IS, higher is better; FID, lower is better) and NLL in bits/dim"
_HEADINGS = ("IS", "FID", "NLL test (train)", "FID test", "KID", "Precision", "Recall")
_FURTHER = (measures.FID_TEST, measures.KID, measures.PRECISION, measures.RECALL)
_MEASURES = (measures.IS, measures.FID, measures.NLL_TEST, measures.NLL_TRAIN, *_FURTHER)
_REFERENCE = "reference: "
_NOTES = (
    "FID, KID, precision and recall are taken against the training split (those of training images against "
    "the test split), FID test against the test split. NLL is the variational bound, in brackets on the "
    "training split.",
    "Reference rows need no model: they show what real images and noise score by the same measures, so that "
    "the scale can be judged.",
)
# A row: the heading of its group, its CSV fields, and its shown line.
_Row = tuple[str, dict[str, Any], Line]


class Table1Settings(artefact.RowsSettings):
    """Table 1: the last two rows are measured, the others are quoted."""

    L: str | None = Field(
        description="Model of the row `Ours (L, fixed isotropic Sigma)`; null to leave it out."
    )
    L_simple: str | None = Field(description="Model of the row `Ours (L_simple)`; null to leave it out.")

    @model_validator(mode="after")
    def _some_row_is_measured(self) -> Table1Settings:
        if self.L is None and self.L_simple is None:
            raise ValueError("L and L_simple: no row has a model; name one, or leave table1 out")
        return self


def _inputs(study: Study, settings: Table1Settings) -> Inputs:
    models = list(settings.rows.values())
    rows = quality_rows(study, models) + likelihood_rows(study, models)
    return {"rows": rows, "reference": reference_rows(study, models), "published": [PUBLISHED]}


def _build(study: Study, settings: Table1Settings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    published = read_published(inputs["published"][0])
    ours = MeasuredRows(study, read_measurements(inputs["rows"]), settings.rows, _MEASURES)
    references = _references(inputs["reference"])
    measured = [_measured_row(ours, row, published) for row in settings.rows]
    rows = [
        *(_published_row(published, first) for first in published.rows("table1").values()),
        *measured,
        *(_reference_row(study, label, of_label) for label, of_label in references.items()),
    ]
    return BuiltTable(
        frame=csv_frame([fields for _, fields, _ in rows], measured[0][1]),
        view=View(
            title=_TITLE,
            label_heading="Model",
            columns=[Column(name) for name in _HEADINGS],
            groups=grouped((group, line) for group, _, line in rows),
            notes=footnotes.of_table(study, [ours], _NOTES),
        ),
        trace=joined([*ours.trace("{row}, measured here"), *_reference_trace(references)]),
    )


def _published_row(published: Published, first: PublishedNumber) -> _Row:
    found = {measure.column: _published_number(published, first.row, measure) for measure in _MEASURES}
    quoted = {column: number for column, number in found.items() if number is not None}
    fields: dict[str, Any] = {
        "source": "published",
        "group": first.group,
        "row": first.row,
        "label": first.label,
        "data": "CIFAR-10",
        "NLL_bound": quoted["NLL_test"].bound if "NLL_test" in quoted else "",
        "best": " ".join(column for column, number in quoted.items() if number.best),
    }
    for column, number in quoted.items():
        fields |= {column: number.value, f"{column}_spread": number.spread}
    shown = {column: Cell(numbers.published(number), number.best) for column, number in quoted.items()}
    if "NLL_train" in quoted:
        shown["NLL_train"] = Cell(quoted["NLL_train"].printed)
    return f"Published, CIFAR-10: {first.group}", fields, Line(first.label, _cells(shown))


def _published_number(published: Published, row: str, measure: Measure) -> PublishedNumber | None:
    """A number of Table 1; the FID against the test split stands in the text alone."""
    if measure is measures.FID_TEST:
        return published.find("text", row, "FID", split="test")
    split = measure.split if measure.metric == "NLL" else None
    return published.find("table1", row, measure.metric, split=split)


def _measured_row(ours: MeasuredRows, row: str, published: Published) -> _Row:
    title, best = ours.study.title, ours.best(row)
    label = f"{published.number('table1', row, 'IS').label}, measured here"
    fields = {
        "source": "measured",
        "group": "Measured here",
        "row": row,
        "label": f"{label}: {title}",
        "data": footnotes.data_of(ours.study, [ours.models[row]]),
        **ours.description(row),
        **fields_of(ours.summaries[row], _MEASURES),
        "NLL_bound": "<=",
        "best": " ".join(best),
    }
    cells = {
        measure.column: ours.cell(
            row, measure, measure.column in best, "<=" if measure is measures.NLL_TEST else ""
        )
        for measure in _MEASURES
    }
    status = ours.shown_status(row)
    shown = label if status == "trained" else f"{label} ({status})"
    return f"Measured here: {title}", fields, Line(shown, _cells(cells))


def _references(paths: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Reference rows by label; the data set is named where there are several."""
    from ddpm.records.measurements import read_measurements

    references = {}
    for path in paths:
        for model, rows in read_measurements([path]).groupby("model", sort=False):
            label = str(model).removeprefix(_REFERENCE)
            references[label if len(paths) == 1 else f"{Path(path).stem}: {label}"] = rows
    return references


def _reference_row(study: Study, label: str, rows: pd.DataFrame) -> _Row:
    summaries = summaries_of(rows, _MEASURES)
    fields = {
        "source": "reference",
        "group": "Reference",
        "row": label,
        "label": f"{label}, for reference: {study.title}",
        "data": study.title,
        "model": str(rows["model"].iloc[0]),
        "status": "reference",
    }
    cells = _cells({measure.column: cell_of(measure, summaries[measure.column]) for measure in _MEASURES})
    return (
        f"For reference, no model: {study.title}",
        fields | fields_of(summaries, _MEASURES),
        Line(label, cells),
    )


def _reference_trace(references: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    return [
        cell_trace(label, column, found.rows)
        for label, rows in references.items()
        for column, found in summaries_of(rows, _MEASURES).items()
    ]


def _cells(shown: Mapping[str, Cell]) -> list[Cell]:
    """The cells in the table's order; NLL on the training split stands in brackets after that on test."""
    cell = {measure.column: shown.get(measure.column, Cell()) for measure in _MEASURES}
    test, train = cell["NLL_test"], cell["NLL_train"]
    nll = Cell(f"{test.text} ({train.text})" if train.text else test.text, test.best)
    return [cell["IS"], cell["FID"], nll, *(cell[measure.column] for measure in _FURTHER)]


TABLE = artefact.Table(name="table1", settings=Table1Settings, inputs=_inputs, build=_build)
