"""The CIFAR-10 numbers of the paper's text for L_simple: quality, the bound's parts, variance, model size."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import footnotes, measures, numbers
from ddpm.artefacts.tables.derived import with_gap, with_parameters
from ddpm.artefacts.tables.measured_rows import MeasuredRows, csv_frame
from ddpm.artefacts.tables.measures import Measure
from ddpm.artefacts.tables.table import BuiltTable, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import likelihood_rows, quality_rows

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.artefacts import ArtefactSettings
    from ddpm.study.settings import Study

_ROW = "L_simple"
# The same weights with the other fixed variance, if the study has such a model.
_FIXED_SMALL = "fixed_small"
_TITLE = "Numbers in the text. The L_simple model on CIFAR-10: sample quality, and lossless compression"
_QUALITY, _CODING, _SIZE = "Sample quality", "Lossless compression", "Model size"
_VARIANCE = "Sample quality with the reverse variance fixed_small"
_NOTE = (
    "Rate is L_T and the KL terms, what tells x_1; distortion is L_0 in bits/dim, or the root mean squared "
    "error of x0-hat(x_1) in grey levels of [0, 255]; both make up the NLL on test. IS with its ± and the "
    "NLL are printed in Table 1. ± of the parts of the bound: standard error over images; that of the gap "
    "has both splits' in quadrature."
)


class TextNumbersSettings(artefact.ModelArtefactSettings):
    """The CIFAR-10 numbers of the text, of one model."""

    fixed_small: str | None = Field(
        None,
        description="Model of the same weights with `variance: fixed_small` (section 3.2); null for none.",
    )

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The model, and that of the other variance."""
        return [self.model, *([self.fixed_small] if self.fixed_small is not None else [])]


@dataclasses.dataclass(frozen=True)
class TextNumber:
    """One number: its measure, where the paper prints it, and how it is shown.

    Attributes:
        measure: what measures it.
        item, row, split: where the published number stands.
        group, label: heading and row of this table.
        name: a short name.
        unit: its unit; "" for none.
        of: which of the measured models it is of: "L_simple" or "fixed_small".
    """

    measure: Measure
    item: str
    row: str
    split: str | None
    group: str
    label: str
    name: str
    unit: str = ""
    of: str = _ROW

    @property
    def key(self) -> str:
        """Its row in the CSV file."""
        return self.measure.column if self.of == _ROW else f"{self.measure.column}_{self.of}"

    def published(self, published: Published) -> PublishedNumber:
        """The number as published.

        Raises:
            DataError: the file of published numbers lacks it.
        """
        return published.number(self.item, self.row, self.measure.metric, split=self.split)


_BITS, _GREY = "bits/dim", "grey levels"
_GAP_LABEL, _FID_LABEL = "NLL on test less on train", "FID against train"
# fmt: off
# The text repeats IS without its ±, and sums up the NLL of Table 1.
_NUMBERS = (
    TextNumber(measures.IS, "table1", _ROW, None, _QUALITY, "IS", "IS"),
    TextNumber(measures.FID, "text", _ROW, "train", _QUALITY, _FID_LABEL, "FID (train)"),
    TextNumber(measures.FID_TEST, "text", _ROW, "test", _QUALITY, "FID against test", "FID (test)"),
    TextNumber(measures.NLL_TEST, "table1", _ROW, "test", _CODING, "NLL on test", "NLL (test)", _BITS),
    TextNumber(measures.NLL_TRAIN, "table1", _ROW, "train", _CODING, "NLL on train", "NLL (train)", _BITS),
    TextNumber(measures.NLL_GAP, "text", "NLL_gap", None, _CODING, _GAP_LABEL, "NLL gap", _BITS),
    TextNumber(measures.RATE, "text", "rate", "test", _CODING, "Rate", "rate", _BITS),
    TextNumber(
        measures.DISTORTION, "text", "distortion", "test", _CODING, "Distortion (L_0)", "distortion", _BITS
    ),
    TextNumber(measures.RMSE, "text", "RMSE", "test", _CODING, "Distortion (RMSE)", "RMSE", _GREY),
    TextNumber(measures.PRIOR, "text", "L_T", None, _CODING, "Prior term L_T", "L_T", _BITS),
    TextNumber(measures.PARAMETERS, "text", "CIFAR-10", None, _SIZE, "Parameters", "parameters", "million"),
)
_OF_FIXED_SMALL = (
    TextNumber(measures.IS, "text", _FIXED_SMALL, None, _VARIANCE, "IS", "IS", of=_FIXED_SMALL),
    TextNumber(
        measures.FID, "text", _FIXED_SMALL, "train", _VARIANCE, _FID_LABEL, "FID (train)", of=_FIXED_SMALL
    ),
)
# fmt: on


def shown_numbers(settings: TextNumbersSettings) -> list[TextNumber]:
    """The numbers that a study's table has."""
    return [*_NUMBERS, *(_OF_FIXED_SMALL if settings.fixed_small else ())]


def measured_models(
    study: Study, settings: TextNumbersSettings, rows: pd.DataFrame
) -> dict[str, MeasuredRows]:
    """The measured numbers of the study's models, by what they are of (`TextNumber.of`).

    Raises:
        DataError: a number is missing.
    """
    import pandas as pd

    with_derived = with_parameters(with_gap(rows), study, settings.model)
    ours = MeasuredRows(study, with_derived, {_ROW: settings.model}, [n.measure for n in _NUMBERS])
    # What was measured is the NLL of each split: the trace lists these in place of the gap.
    of_model, gap = ours.summaries[_ROW], measures.NLL_GAP.column
    nll = pd.concat([of_model[m.column].rows for m in (measures.NLL_TEST, measures.NLL_TRAIN)])
    of_model[gap] = dataclasses.replace(of_model[gap], rows=nll.drop_duplicates(ignore_index=True))
    found = {_ROW: ours}
    if settings.fixed_small:
        of_small = [number.measure for number in _OF_FIXED_SMALL]
        found[_FIXED_SMALL] = MeasuredRows(study, rows, {_FIXED_SMALL: settings.fixed_small}, of_small)
    return found


def _inputs(study: Study, settings: TextNumbersSettings) -> Inputs:
    rows = quality_rows(study, settings.used_models(study.artefacts)) + likelihood_rows(
        study, [settings.model]
    )
    return {"rows": rows, "published": [PUBLISHED]}


def _build(study: Study, settings: TextNumbersSettings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    published = read_published(inputs["published"][0])
    found = measured_models(study, settings, read_measurements(inputs["rows"]))
    measured = list(found.values())
    diverged = [note for ours in measured for note in ours.divergence_notes]
    quoted = [(number, number.published(published)) for number in shown_numbers(settings)]
    fields = [_fields(found[number.of], number, n) for number, n in quoted]
    columns = ("published, CIFAR-10", "measured here", "Unit", "Images")
    return BuiltTable(
        frame=csv_frame(fields, fields[0]),
        view=View(
            title=_TITLE,
            label_heading="Number",
            columns=[Column(name) for name in columns],
            groups=grouped((number.group, _line(found[number.of], number, n)) for number, n in quoted),
            notes=footnotes.of_table(study, measured, [_NOTE], list(dict.fromkeys(diverged))),
        ),
        trace=joined(frame for ours in measured for frame in ours.trace(column_prefix="measured_")),
    )


def _fields(ours: MeasuredRows, number: TextNumber, quoted: PublishedNumber) -> dict[str, Any]:
    found = ours.summaries[number.of][number.measure.column]
    return {
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
        "measured_data": footnotes.data_of(ours.study, [ours.models[number.of]]),
        **ours.description(number.of),
        "measured": found.value,
        "measured_spread": found.spread,
        "measured_sampling_spread": found.sampling_spread,
        "measured_seed_spread": found.seed_spread,
        "measured_n": found.n,
    }


def _line(ours: MeasuredRows, number: TextNumber, quoted: PublishedNumber) -> Line:
    found = ours.summaries[number.of][number.measure.column]
    bound = "<=" if number.measure.metric == "NLL" else ""
    cells = [
        Cell(numbers.published(quoted)),
        ours.cell(number.of, dataclasses.replace(number.measure, shows_spreads=True), bound=bound),
        Cell(number.unit),
        Cell("" if found.n is None else f"{found.n:,}"),
    ]
    return Line(number.label, cells)


TABLE = artefact.Table(
    name="text_numbers",
    title="Numbers in the text",
    settings=TextNumbersSettings,
    inputs=_inputs,
    build=_build,
)
