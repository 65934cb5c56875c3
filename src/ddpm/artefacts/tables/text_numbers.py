"""The CIFAR-10 numbers of the paper's text for L_simple: quality, the bound's parts, variance, model size."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import measures, notes, trace
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.measured_models import MeasuredModels, csv_frame
from ddpm.artefacts.tables.measures import TEXT, Measure
from ddpm.artefacts.tables.model_size import with_parameters
from ddpm.artefacts.tables.nll_gap import with_gap
from ddpm.artefacts.tables.rendering import numbers
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.measurements import read_measurements
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study

ROW = "L_simple"
# The same weights with the other fixed variance, if the study has such a model.
FIXED_SMALL = "fixed_small"
_TITLE = "Numbers in the text. The L_simple model on CIFAR-10: sample quality, and lossless compression"
_QUALITY, _CODING, _SIZE = "Sample quality", "Lossless compression", "Model size"
_VARIANCE = "Sample quality with the reverse variance fixed_small"
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
        of: which of the measured models it is of: ROW or FIXED_SMALL.
    """

    measure: Measure
    item: str
    row: str
    split: str | None
    group: str
    label: str
    name: str
    unit: str = ""
    of: str = ROW

    @property
    def key(self) -> str:
        """Its row in the CSV file."""
        return self.measure.column if self.of == ROW else f"{self.measure.column}_{self.of}"

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
    TextNumber(measures.PARAMETERS, "text", "CIFAR-10", None, _SIZE, "Parameters", "parameters", "million"),
)
OF_FIXED_SMALL = (
    TextNumber(measures.IS, "text", FIXED_SMALL, None, _VARIANCE, "IS", "IS", of=FIXED_SMALL),
    TextNumber(
        measures.FID,
        "text",
        FIXED_SMALL,
        "train",
        _VARIANCE,
        "FID against train",
        "FID (train)",
        of=FIXED_SMALL,
    ),
)


def shown_numbers(study: Study) -> list[TextNumber]:
    """The numbers that a study's table has."""
    settings = study.artefacts.text_numbers
    assert settings is not None
    return [*NUMBERS, *(OF_FIXED_SMALL if settings.fixed_small else ())]


def measured_models(study: Study, rows: pd.DataFrame) -> dict[str, MeasuredModels]:
    """The measured numbers of the study's models, by what they are of: ROW, and FIXED_SMALL if there is one.

    Raises:
        DataError: a number is missing.
    """
    settings = study.artefacts.text_numbers
    assert settings is not None
    found = {ROW: measured_model(study, rows)}
    if settings.fixed_small:
        models = {FIXED_SMALL: settings.fixed_small}
        found[FIXED_SMALL] = MeasuredModels(study, rows, models, measures.TEXT_FIXED_SMALL)
    return found


def measured_model(study: Study, rows: pd.DataFrame) -> MeasuredModels:
    """The measured numbers of the study's model, in the row ROW.

    Raises:
        DataError: a number is missing.
    """
    model = study.artefacts.models_of("text_numbers")[0]
    ours = MeasuredModels(study, with_parameters(with_gap(rows), study, model), {ROW: model}, TEXT)
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
    found = measured_models(study, read_measurements(inputs["rows"]))
    shown, models = shown_numbers(study), study.artefacts.models_of("text_numbers")
    return BuiltTable(
        frame=csv_frame([_fields(found[number.of], number, published) for number in shown], _COLUMNS),
        view=View(
            title=_TITLE,
            label_heading="Number",
            columns=[
                Column("published, CIFAR-10"),
                Column("measured here"),
                Column("Unit"),
                Column("Images"),
            ],
            groups=_groups(found, shown, published),
            notes=[
                notes.PUBLISHED_NOTE,
                *notes.measured_notes(study, models),
                *_each(ours.divergence_notes for ours in found.values()),
                notes.comparability_note(study, models),
                *_each(ours.fewer for ours in found.values()),
                _NOTE,
                notes.SPREAD_NOTE,
                *_each(ours.protocols for ours in found.values()),
            ],
        ),
        trace=trace.join(frame for ours in found.values() for frame in ours.trace(column_prefix="measured_")),
    )


def _each(parts: Iterable[list[str]]) -> list[str]:
    """All notes, those that are alike once."""
    return list(dict.fromkeys(note for part in parts for note in part))


def _fields(ours: MeasuredModels, number: TextNumber, published: Published) -> dict[str, Any]:
    quoted, found = number.published(published), ours.summaries[number.of][number.measure.column]
    return ours.description(number.of) | {
        "group": number.group,
        "row": number.key,
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
        "measured_data": notes.data_of(ours.study, [ours.models[number.of]]),
        "measured": found.value,
        "measured_spread": found.spread,
        "measured_sampling_spread": found.sampling_spread,
        "measured_seed_spread": found.seed_spread,
        "measured_n": found.n,
    }


def _groups(
    found: Mapping[str, MeasuredModels], shown: Sequence[TextNumber], published: Published
) -> list[Group]:
    groups: dict[str, list[Line]] = {}
    for number in shown:
        groups.setdefault(number.group, []).append(
            _line(found[number.of], number, number.published(published))
        )
    return [Group(title, lines) for title, lines in groups.items()]


def _line(ours: MeasuredModels, number: TextNumber, quoted: PublishedNumber) -> Line:
    found = ours.summaries[number.of][number.measure.column]
    bound = "<=" if number.measure.metric == "NLL" else ""
    return Line(
        number.label,
        [
            Cell(numbers.published(quoted)),
            ours.cell(number.of, dataclasses.replace(number.measure, shows_spreads=True), bound=bound),
            Cell(number.unit),
            Cell("" if found.n is None else f"{found.n:,}"),
        ],
    )
