"""Table 1: IS, FID and NLL of the paper's systems, and of both of ours measured on the study's data."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import measures, notes, trace
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.measured_models import (
    MeasuredModels,
    cell_of,
    csv_columns,
    csv_frame,
    fields_of,
    summaries_of,
)
from ddpm.artefacts.tables.measures import TABLE1, Measure
from ddpm.artefacts.tables.rendering import numbers
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.measurements import read_measurements
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study

_TITLE = "Table 1. Sample quality (IS, higher is better; FID, lower is better) and NLL in bits/dim"
_LEADING = ("source", "group", "row", "label", "data", "model", "status", "training_seeds", "sampling_seeds")
_HEADINGS = ("IS", "FID", "NLL test (train)", "FID test", "KID", "Precision", "Recall")
_FURTHER = ("FID_test", "KID", "precision", "recall")
_REFERENCE = "reference: "
_NOTES = (
    "FID, KID, precision and recall are taken against the training split (those of training images against "
    "the test split), FID test against the test split. NLL is the variational bound, in brackets on the "
    "training split.",
    "Reference rows need no model: they show what real images and noise score by the same measures, so that "
    "the scale can be judged.",
)


@dataclasses.dataclass(frozen=True)
class _Row:
    """One row: the group it stands under, its CSV fields, and its shown line."""

    group: str
    fields: Mapping[str, Any]
    line: Line


def build(study: Study) -> BuiltTable:
    """Builds Table 1 from the files that `artefact_inputs` names.

    Raises:
        DataError: an input is missing, damaged, or lacks a number that the table shows.
    """
    inputs = artefact_inputs(study, "table1")
    published = read_published(inputs["published"][0])
    models = study.artefacts.rows_of("table1")
    ours = MeasuredModels(study, read_measurements(inputs["rows"]), models, TABLE1)
    references = _references(inputs["reference"])
    rows = [
        *(_published_row(published, first) for first in published.rows("table1").values()),
        *(_measured_row(ours, row, published) for row in models),
        *(_reference_row(study, label, of_label) for label, of_label in references.items()),
    ]
    return BuiltTable(
        frame=csv_frame([row.fields for row in rows], [*_LEADING, *csv_columns(TABLE1), "NLL_bound", "best"]),
        view=View(
            title=_TITLE,
            label_heading="Model",
            columns=[Column(name) for name in _HEADINGS],
            groups=_groups(rows),
            notes=[
                notes.PUBLISHED_NOTE,
                *notes.measured_notes(study, list(models.values())),
                notes.comparability_note(study, models.values()),
                *ours.fewer,
                *_NOTES,
                notes.SPREAD_NOTE,
                *ours.protocols,
            ],
        ),
        trace=trace.join([*ours.trace("{row}, measured here"), *_reference_trace(references)]),
    )


def _published_row(published: Published, first: PublishedNumber) -> _Row:
    found = {measure.column: _published_number(published, first.row, measure) for measure in TABLE1}
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
    return _Row(f"Published, CIFAR-10: {first.group}", fields, Line(first.label, _cells(shown)))


def _published_number(published: Published, row: str, measure: Measure) -> PublishedNumber | None:
    """A number of Table 1; the FID against the test split stands in the text alone."""
    if measure is measures.FID_TEST:
        return published.find("text", row, "FID", split="test")
    split = measure.splits[0] if measure.metric == "NLL" else None
    return published.find("table1", row, measure.metric, split=split)


def _measured_row(ours: MeasuredModels, row: str, published: Published) -> _Row:
    label = f"{published.number('table1', row, 'IS').label}, measured here"
    best = ours.best(row)
    fields = {
        "source": "measured",
        "group": "Measured here",
        "row": row,
        "label": f"{label}: {ours.study.title}",
        "data": notes.data_of(ours.study, [ours.models[row]]),
        "NLL_bound": "<=",
        "best": " ".join(best),
    }
    fields |= ours.description(row) | fields_of(ours.summaries[row])
    cells = {
        measure.column: ours.cell(
            row, measure, measure.column in best, "<=" if measure is measures.NLL_TEST else ""
        )
        for measure in TABLE1
    }
    status = ours.shown_status(row)
    shown = label if status == "trained" else f"{label} ({status})"
    return _Row(f"Measured here: {ours.study.title}", fields, Line(shown, _cells(cells)))


def _references(paths: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Reference rows by label; the data set is named where there are several."""
    references = {}
    for path in paths:
        for model, rows in read_measurements([path]).groupby("model", sort=False):
            label = str(model).removeprefix(_REFERENCE)
            references[label if len(paths) == 1 else f"{Path(path).stem}: {label}"] = rows
    return references


def _reference_row(study: Study, label: str, rows: pd.DataFrame) -> _Row:
    summaries = summaries_of(rows, TABLE1)
    fields = {
        "source": "reference",
        "group": "Reference",
        "row": label,
        "label": f"{label}, for reference: {study.title}",
        "data": study.title,
        "model": str(rows["model"].iloc[0]),
        "status": "reference",
    }
    cells = _cells({measure.column: cell_of(measure, summaries[measure.column]) for measure in TABLE1})
    return _Row(f"For reference, no model: {study.title}", fields | fields_of(summaries), Line(label, cells))


def _reference_trace(references: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    return [
        trace.cell_trace(label, column, found.rows)
        for label, rows in references.items()
        for column, found in summaries_of(rows, TABLE1).items()
    ]


def _cells(shown: Mapping[str, Cell]) -> list[Cell]:
    """The cells in the table's order; NLL on the training split stands in brackets after that on test."""
    cell = {measure.column: shown.get(measure.column, Cell()) for measure in TABLE1}
    test, train = cell["NLL_test"], cell["NLL_train"]
    in_brackets = f" ({train.text})" if train.text else ""
    nll = Cell(test.text + in_brackets, test.best)
    return [cell["IS"], cell["FID"], nll, *(cell[name] for name in _FURTHER)]


def _groups(rows: Sequence[_Row]) -> list[Group]:
    groups: dict[str, list[Line]] = {}
    for row in rows:
        groups.setdefault(row.group, []).append(row.line)
    return [Group(title, lines) for title, lines in groups.items()]
