"""Table 1: IS, FID and NLL of the paper's systems, and of both of ours measured on the study's data."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import Field, model_validator

from ddpm.artefacts import artefact
from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables import compression, footnotes, systems
from ddpm.artefacts.tables.measured_rows import MeasuredRows, csv_frame
from ddpm.artefacts.tables.table import BuiltTable, joined
from ddpm.artefacts.tables.view import Column, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import likelihood_rows, quality_rows, reference_rows

if TYPE_CHECKING:
    from ddpm.study.settings import Study

_TITLE = "Table 1. Sample quality (IS, higher is better; FID, lower is better) and NLL in bits/dim"


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
    inputs = {"rows": rows, "reference": reference_rows(study, models), "published": [PUBLISHED]}
    files = compression.files_of_the_bound(study, models)
    return inputs | ({"files": files} if files else {})


def _build(study: Study, settings: Table1Settings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    published = read_published(inputs["published"][0])
    ours = MeasuredRows(study, read_measurements(inputs["rows"]), settings.rows, systems.MEASURES)
    references = systems.references(inputs["reference"])
    labels = {row: published.number("table1", row, "IS").label for row in settings.rows}
    measured = [systems.measured_row(ours, row, f"{label}, measured here") for row, label in labels.items()]
    rows = [
        *systems.published_rows(published),
        *measured,
        *(systems.reference_row(study, label, of_label) for label, of_label in references.items()),
    ]
    return BuiltTable(
        frame=csv_frame([fields for _, fields, _ in rows], measured[0][1]),
        view=View(
            title=_TITLE,
            label_heading="Model",
            columns=[Column(name) for name in systems.HEADINGS],
            groups=grouped((group, line) for group, _, line in rows),
            notes=[
                *footnotes.of_table(study, [ours], systems.NOTES),
                *compression.note_of_the_bound(study, inputs.get("files", [])),
            ],
        ),
        trace=joined([*ours.trace("{row}, measured here"), *systems.reference_trace(references)]),
    )


TABLE = artefact.Table(name="table1", settings=Table1Settings, inputs=_inputs, build=_build)
