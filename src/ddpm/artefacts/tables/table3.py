"""Table 3: FID on LSUN 256x256, published and measured."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import Field, model_validator

from ddpm.artefacts import artefact
from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import differences, footnotes, numbers
from ddpm.artefacts.tables.measured_rows import MeasuredRows, csv_frame, fields_of
from ddpm.artefacts.tables.measures import FID
from ddpm.artefacts.tables.table import BuiltTable, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import quality_rows

if TYPE_CHECKING:
    from ddpm.study.settings import Study

CATEGORIES = ("Bedroom", "Church", "Cat")
# The cell of each model of the settings: row and category of the published table.
CELLS = {
    "Bedroom": ("L_simple", "Bedroom"),
    "Church": ("L_simple", "Church"),
    "Cat": ("L_simple", "Cat"),
    "Bedroom_large": ("L_simple_large", "Bedroom"),
}
_TITLE = "Table 3. FID on LSUN 256x256 (lower is better)"
_PUBLISHED_NOTE = (
    "Published: the paper's numbers, of 50,000 samples against 50,000 training images with Inception "
    "features, by StyleGAN2's code. * in the paper: as reported by StyleGAN2."
)
_PROTOCOL_NOTE = (
    "StyleGAN2's code compares with the first 50,000 records of a category, in the order of their keys, not "
    "shuffled and not mirrored (`reference_images`)."
)


class Table3Settings(artefact.RowsSettings):
    """Table 3: a model for each number of the paper's own; null leaves one out."""

    Bedroom: str | None = Field(None, description="Model of LSUN Bedroom.")
    Church: str | None = Field(None, description="Model of LSUN Church.")
    Cat: str | None = Field(None, description="Model of LSUN Cat.")
    Bedroom_large: str | None = Field(None, description="The large model of LSUN Bedroom.")

    @model_validator(mode="after")
    def _some_cell_is_measured(self) -> Table3Settings:
        if not self.rows:
            raise ValueError(f"no cell has a model; name one of {', '.join(CELLS)}, or leave table3 out")
        return self


def _inputs(study: Study, settings: Table3Settings) -> Inputs:
    return {"rows": quality_rows(study, settings.rows.values()), "published": [PUBLISHED]}


def _build(study: Study, settings: Table3Settings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    published = read_published(inputs["published"][0])
    ours = MeasuredRows(study, read_measurements(inputs["rows"]), settings.rows, (FID,))
    quoted = {row: _quoted(published, row) for row in published.rows("table3")}
    measured = dict.fromkeys(CELLS[cell][0] for cell in settings.rows)
    fields = [
        *(_published_fields(row, of_row) for row, of_row in quoted.items()),
        *(_measured_fields(ours, row, quoted[row]) for row in measured),
    ]
    lines = [
        *(("Published, LSUN 256x256", _published_line(of_row)) for of_row in quoted.values()),
        *((f"Measured here: {study.title}", _measured_line(ours, row, quoted[row])) for row in measured),
    ]
    return BuiltTable(
        frame=csv_frame(fields, dict.fromkeys(key for of_line in fields for key in of_line)),
        view=View(
            title=_TITLE,
            label_heading="Model",
            columns=[Column(f"LSUN {category}") for category in CATEGORIES],
            groups=grouped(lines),
            notes=_notes(study, ours),
        ),
        trace=joined(ours.trace()),
    )


def _quoted(published: Published, row: str) -> dict[str, PublishedNumber]:
    found = {category: published.find("table3", row, "FID", group=category) for category in CATEGORIES}
    return {category: number for category, number in found.items() if number is not None}


def _label(quoted: dict[str, PublishedNumber]) -> str:
    return next(iter(quoted.values())).label


def _published_fields(row: str, quoted: dict[str, PublishedNumber]) -> dict[str, Any]:
    fields: dict[str, Any] = {"source": "published", "row": row, "label": _label(quoted), "data": "LSUN"}
    for category, number in quoted.items():
        fields |= {f"{category}_FID": number.value, f"{category}_note": number.note}
    return fields | {"best": " ".join(category for category, number in quoted.items() if number.best)}


def _measured_fields(ours: MeasuredRows, row: str, quoted: dict[str, PublishedNumber]) -> dict[str, Any]:
    fields: dict[str, Any] = {"source": "measured", "row": row, "label": f"{_label(quoted)}, measured here"}
    fields["data"] = ours.study.title
    for category, cell in _cells_of(ours, row).items():
        fields |= fields_of(ours.summaries[cell], (FID,), f"{category}_")
        fields |= {f"{category}_{key}": value for key, value in ours.description(cell).items()}
    return fields


def _cells_of(ours: MeasuredRows, row: str) -> dict[str, str]:
    """The measured cells of a row, by category."""
    return {category: cell for cell, (of, category) in CELLS.items() if of == row and cell in ours.models}


def _published_line(quoted: dict[str, PublishedNumber]) -> Line:
    shown = [quoted.get(category) for category in CATEGORIES]
    cells = [Cell(_printed(number), number is not None and number.best) for number in shown]
    return Line(_label(quoted), cells)


def _printed(number: PublishedNumber | None) -> str:
    starred = number is not None and number.note.startswith("marked *")
    return numbers.published(number) + "*" * starred


def _measured_line(ours: MeasuredRows, row: str, quoted: dict[str, PublishedNumber]) -> Line:
    cells = _cells_of(ours, row)
    shown = [ours.cell(cells[category], FID) if category in cells else Cell() for category in CATEGORIES]
    return Line(f"{_label(quoted)}, measured here", shown)


def _notes(study: Study, ours: MeasuredRows) -> list[str]:
    models = list(ours.models.values())
    differing: dict[str, list[str]] = {}
    for model in models:
        for reason in differences.of_lsun(study, model, ours_n(ours, model)):
            differing.setdefault(reason, []).append(model)
    reasons = "; ".join(f"{reason} ({', '.join(names)})" for reason, names in differing.items())
    comparable = f"Not to be compared with the published numbers: {reasons}." if differing else ""
    return [
        _PUBLISHED_NOTE,
        *footnotes.measured_notes(study, models),
        *ours.divergence_notes,
        *filter(None, [comparable]),
        _PROTOCOL_NOTE,
        footnotes.SPREAD_NOTE,
        *footnotes.protocol_notes(ours),
    ]


def ours_n(ours: MeasuredRows, model: str) -> int | None:
    """Number of samples that a model's FID is of; None if there is none."""
    [cell] = [cell for cell, name in ours.models.items() if name == model]
    return ours.summaries[cell][FID.column].n


TABLE = artefact.Table(name="table3", settings=Table3Settings, inputs=_inputs, build=_build)
