"""The CIFAR-10 numbers of the paper's text for L_simple: quality, rate and distortion, the bound's parts."""

from __future__ import annotations

import dataclasses
from typing import Any

import pandas as pd

from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import measures, notes, trace
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.measured_models import MeasuredModels, csv_frame
from ddpm.artefacts.tables.measures import TEXT, Measure
from ddpm.artefacts.tables.nll_gap import with_gap
from ddpm.artefacts.tables.rendering import numbers
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.measurements import read_measurements
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study

ROW = "L_simple"
_TITLE = "Numbers in the text. The L_simple model on CIFAR-10: sample quality, and lossless compression"
_QUALITY, _CODING = "Sample quality", "Lossless compression"
_COLUMNS = (
    *("group", "row", "label", "metric", "split", "unit", "published_data", "published_bound", "published"),
    *("published_spread", "published_item", "published_note", "measured_data", "model", "status"),
    *("training_seeds", "sampling_seeds", "measured", "measured_spread", "measured_sampling_spread"),
    *("measured_seed_spread", "measured_n"),
)
_NOTE = (
    "Rate is L_T and the KL terms, what tells x_1; distortion is L_0 in bits/dim, or the root mean squared "
    "error of x0-hat(x_1) in grey levels of [0, 255]; both make up the NLL on test. IS with its ± and the "
    "NLL are printed in Table 1. ± of the parts of the bound: standard error over images; that of the gap "
    "has both splits' in quadrature."
)


@dataclasses.dataclass(frozen=True)
class TextNumber:
    """One number: its measure, where the paper prints it, and how it is shown.

    Attributes:
        measure: what measures it.
        item, row, split: where the published number stands.
        group, label: heading and row of this table.
        name: a short name.
        unit: its unit; "" for none.
    """

    measure: Measure
    item: str
    row: str
    split: str | None
    group: str
    label: str
    name: str
    unit: str = ""

    def published(self, published: Published) -> PublishedNumber:
        """The number as published.

        Raises:
            DataError: the file of published numbers lacks it.
        """
        return published.number(self.item, self.row, self.measure.metric, split=self.split)


_BITS, _GREY = "bits/dim", "grey levels"
# The text repeats IS without its ±, and sums up the NLL of Table 1.
NUMBERS = (
    TextNumber(measures.IS, "table1", ROW, None, _QUALITY, "IS", "IS"),
    TextNumber(measures.FID, "text", ROW, "train", _QUALITY, "FID against train", "FID (train)"),
    TextNumber(measures.FID_TEST, "text", ROW, "test", _QUALITY, "FID against test", "FID (test)"),
    TextNumber(measures.NLL_TEST, "table1", ROW, "test", _CODING, "NLL on test", "NLL (test)", _BITS),
    TextNumber(measures.NLL_TRAIN, "table1", ROW, "train", _CODING, "NLL on train", "NLL (train)", _BITS),
    TextNumber(
        measures.NLL_GAP, "text", "NLL_gap", None, _CODING, "NLL on test less on train", "NLL gap", _BITS
    ),
    TextNumber(measures.RATE, "text", "rate", "test", _CODING, "Rate", "rate", _BITS),
    TextNumber(
        measures.DISTORTION,
        "text",
        "distortion",
        "test",
        _CODING,
        "Distortion (L_0)",
        "distortion",
        _BITS,
    ),
    TextNumber(measures.RMSE, "text", "RMSE", "test", _CODING, "Distortion (RMSE)", "RMSE", _GREY),
    TextNumber(measures.PRIOR, "text", "L_T", None, _CODING, "Prior term L_T", "L_T", _BITS),
)


def measured_model(study: Study, rows: pd.DataFrame) -> MeasuredModels:
    """The measured numbers of the study's model, in the row ROW.

    Raises:
        DataError: a number is missing.
    """
    [model] = study.artefacts.models_of("text_numbers")
    ours = MeasuredModels(study, with_gap(rows), {ROW: model}, TEXT)
    # What was measured is the NLL of each split: the trace lists these in place of the gap.
    of_model = ours.summaries[ROW]
    nll = pd.concat([of_model[measure.column].rows for measure in (measures.NLL_TEST, measures.NLL_TRAIN)])
    of_model[measures.NLL_GAP.column] = dataclasses.replace(
        of_model[measures.NLL_GAP.column], rows=nll.drop_duplicates(ignore_index=True)
    )
    return ours


def build(study: Study) -> BuiltTable:
    """Builds the table from the files that `artefact_inputs` names.

    Raises:
        DataError: an input is missing, damaged, or lacks a number that the table shows.
    """
    inputs = artefact_inputs(study, "text_numbers")
    published = read_published(inputs["published"][0])
    ours = measured_model(study, read_measurements(inputs["rows"]))
    model = ours.models[ROW]
    return BuiltTable(
        frame=csv_frame([_fields(ours, number, published) for number in NUMBERS], _COLUMNS),
        view=View(
            title=_TITLE,
            label_heading="Number",
            columns=[
                Column("published, CIFAR-10"),
                Column("measured here"),
                Column("Unit"),
                Column("Images"),
            ],
            groups=_groups(ours, published),
            notes=[
                notes.PUBLISHED_NOTE,
                *notes.measured_notes(study, [model]),
                *ours.divergence_notes,
                notes.comparability_note(study, [model]),
                *ours.fewer,
                _NOTE,
                notes.SPREAD_NOTE,
                *ours.protocols,
            ],
        ),
        trace=trace.join(ours.trace(column_prefix="measured_")),
    )


def _fields(ours: MeasuredModels, number: TextNumber, published: Published) -> dict[str, Any]:
    quoted, found = number.published(published), ours.summaries[ROW][number.measure.column]
    return ours.description(ROW) | {
        "group": number.group,
        "row": number.measure.column,
        "label": number.label,
        "metric": number.measure.metric,
        "split": number.measure.split,
        "unit": number.unit,
        "published_data": "CIFAR-10",
        "published_bound": quoted.bound,
        "published": quoted.value,
        "published_spread": quoted.spread,
        "published_item": number.item,
        "published_note": quoted.note,
        "measured_data": notes.data_of(ours.study, [ours.models[ROW]]),
        "measured": found.value,
        "measured_spread": found.spread,
        "measured_sampling_spread": found.sampling_spread,
        "measured_seed_spread": found.seed_spread,
        "measured_n": found.n,
    }


def _groups(ours: MeasuredModels, published: Published) -> list[Group]:
    groups: dict[str, list[Line]] = {}
    for number in NUMBERS:
        groups.setdefault(number.group, []).append(_line(ours, number, number.published(published)))
    return [Group(title, lines) for title, lines in groups.items()]


def _line(ours: MeasuredModels, number: TextNumber, quoted: PublishedNumber) -> Line:
    found = ours.summaries[ROW][number.measure.column]
    bound = "<=" if number.measure.metric == "NLL" else ""
    return Line(
        number.label,
        [
            Cell(numbers.published(quoted)),
            ours.cell(ROW, dataclasses.replace(number.measure, shows_spreads=True), bound=bound),
            Cell(number.unit),
            Cell("" if found.n is None else f"{found.n:,}"),
        ],
    )
