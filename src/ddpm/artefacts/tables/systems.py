"""Rows of systems: IS, FID, NLL of published ones, of the study's models, and of real images and noise."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.artefacts.published import Published, PublishedNumber
from ddpm.artefacts.tables import footnotes, measures, numbers
from ddpm.artefacts.tables.measured_rows import MeasuredRows, cell_of, fields_of, summaries_of
from ddpm.artefacts.tables.measures import Measure
from ddpm.artefacts.tables.table import cell_trace
from ddpm.artefacts.tables.view import Cell, Line

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study

HEADINGS = ("IS", "FID", "NLL test (train)", "FID test", "KID", "Precision", "Recall")
_FURTHER = (measures.FID_TEST, measures.KID, measures.PRECISION, measures.RECALL)
MEASURES = (measures.IS, measures.FID, measures.NLL_TEST, measures.NLL_TRAIN, *_FURTHER)
NOTES = (
    "FID, KID, precision and recall are taken against the training split (those of training images against "
    "the test split), FID test against the test split. NLL is the variational bound, in brackets on the "
    "training split.",
    "Reference rows need no model: they show what real images and noise score by the same measures, so that "
    "the scale can be judged.",
)
_REFERENCE = "reference: "
# A row: the heading of its group, its CSV fields, and its shown line.
Row = tuple[str, dict[str, Any], Line]


def published_rows(published: Published) -> list[Row]:
    """The systems of the paper's Table 1."""
    return [_published_row(published, first) for first in published.rows("table1").values()]


def _published_row(published: Published, first: PublishedNumber) -> Row:
    found = {measure.column: _published_number(published, first.row, measure) for measure in MEASURES}
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
    return f"Published, CIFAR-10: {first.group}", fields, Line(first.label, cells(shown))


def _published_number(published: Published, row: str, measure: Measure) -> PublishedNumber | None:
    """A number of Table 1; the FID against the test split stands in the text alone."""
    if measure is measures.FID_TEST:
        return published.find("text", row, "FID", split="test")
    split = measure.split if measure.metric == "NLL" else None
    return published.find("table1", row, measure.metric, split=split)


def measured_row(ours: MeasuredRows, row: str, label: str) -> Row:
    """A row of the study's own; `label` heads it."""
    title, best = ours.study.title, ours.best(row)
    fields = {
        "source": "measured",
        "group": "Measured here",
        "row": row,
        "label": f"{label}: {title}",
        "data": footnotes.data_of(ours.study, [ours.models[row]]),
        **ours.description(row),
        **fields_of(ours.summaries[row], ours.measures),
        "NLL_bound": "<=",
        "best": " ".join(best),
    }
    shown = {
        measure.column: ours.cell(
            row, measure, measure.column in best, "<=" if measure is measures.NLL_TEST else ""
        )
        for measure in ours.measures
    }
    status = ours.shown_status(row)
    return (
        f"Measured here: {title}",
        fields,
        Line(label if status == "trained" else f"{label} ({status})", cells(shown)),
    )


def references(paths: Sequence[str]) -> dict[str, pd.DataFrame]:
    """Reference rows by label; the data set is named where there are several."""
    from ddpm.records.measurements import read_measurements

    found = {}
    for path in paths:
        for model, rows in read_measurements([path]).groupby("model", sort=False):
            label = str(model).removeprefix(_REFERENCE)
            found[label if len(paths) == 1 else f"{Path(path).stem}: {label}"] = rows
    return found


def reference_row(study: Study, label: str, rows: pd.DataFrame) -> Row:
    """A row of real images or noise."""
    summaries = summaries_of(rows, MEASURES)
    fields = {
        "source": "reference",
        "group": "Reference",
        "row": label,
        "label": f"{label}, for reference: {study.title}",
        "data": study.title,
        "model": str(rows["model"].iloc[0]),
        "status": "reference",
    }
    shown = {measure.column: cell_of(measure, summaries[measure.column]) for measure in MEASURES}
    return (
        f"For reference, no model: {study.title}",
        fields | fields_of(summaries, MEASURES),
        Line(label, cells(shown)),
    )


def reference_trace(found: Mapping[str, pd.DataFrame]) -> list[pd.DataFrame]:
    """The measurements of every cell of the reference rows."""
    return [
        cell_trace(label, column, summary.rows)
        for label, rows in found.items()
        for column, summary in summaries_of(rows, MEASURES).items()
    ]


def cells(shown: Mapping[str, Cell]) -> list[Cell]:
    """The cells under HEADINGS; NLL on the training split stands in brackets after that on test."""
    cell = {measure.column: shown.get(measure.column, Cell()) for measure in MEASURES}
    test, train = cell["NLL_test"], cell["NLL_train"]
    nll = Cell(f"{test.text} ({train.text})" if train.text else test.text, test.best)
    return [cell["IS"], cell["FID"], nll, *(cell[measure.column] for measure in _FURTHER)]
