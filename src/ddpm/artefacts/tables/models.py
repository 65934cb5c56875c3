"""The study's own models, one row each: sample quality, NLL, training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables import footnotes, measures, systems
from ddpm.artefacts.tables.measured_rows import MeasuredRows, csv_frame
from ddpm.artefacts.tables.table import BuiltTable, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import likelihood_rows, quality_rows, reference_rows
from ddpm.study.base import EachOnce

if TYPE_CHECKING:
    from ddpm.artefacts.tables.measures import Measure
    from ddpm.artefacts.tables.systems import Row
    from ddpm.study.artefacts import ArtefactSettings
    from ddpm.study.settings import Study

_OF_BOUND = (measures.NLL_TEST, measures.NLL_TRAIN)
_NLL_NOTE = "NLL is the variational bound in bits/dim (lower is better), in brackets on the training split."
_UNJUDGED_NOTE = (
    "Samples are not judged (`quality.features.kind: none`): no IS, FID, KID, precision or recall."
)


class ModelsSettings(artefact.OneArtefactSettings):
    """One row for each model of the study."""

    models: Annotated[list[str] | None, EachOnce] = Field(
        None, min_length=1, description="The models, in this order; null for all of the study."
    )
    published: bool = Field(False, description="Quote the systems of the paper's Table 1 above them.")

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The models; a study fills in its own where none are named."""
        return self.models or []


def _inputs(study: Study, settings: ModelsSettings) -> Inputs:
    models = settings.used_models(study.artefacts)
    inputs = {"rows": likelihood_rows(study, models)}
    if study.is_judged:
        inputs["rows"] += quality_rows(study, models)
        inputs["reference"] = reference_rows(study, models)
    return inputs | ({"published": [PUBLISHED]} if settings.published else {})


def _build(study: Study, settings: ModelsSettings, inputs: Inputs) -> BuiltTable:
    from ddpm.records.measurements import read_measurements

    models = {model: model for model in settings.used_models(study.artefacts)}
    shown: tuple[Measure, ...] = systems.MEASURES if study.is_judged else _OF_BOUND
    ours = MeasuredRows(study, read_measurements(inputs["rows"]), models, shown)
    measured = [_with_training(ours, model, systems.measured_row(ours, model, model)) for model in models]
    published = systems.published_rows(read_published(inputs["published"][0])) if settings.published else []
    references = systems.references(inputs.get("reference", []))
    of_references = [systems.reference_row(study, label, rows) for label, rows in references.items()]
    rows = [*map(_blank, published), *measured, *map(_blank, of_references)]
    return BuiltTable(
        frame=csv_frame([fields for _, fields, _ in rows], measured[0][1]),
        view=View(
            title=_title(study),
            label_heading="Model",
            columns=[Column(name) for name in (*systems.HEADINGS, "Steps", "Seeds")],
            groups=grouped((group, line) for group, _, line in rows),
            notes=_notes(study, ours, settings.published),
        ).without_blank_columns(),
        trace=joined([*ours.trace(), *systems.reference_trace(references)]),
    )


def _title(study: Study) -> str:
    quality = (
        "Sample quality (IS, higher is better; FID, lower is better) and NLL" if study.is_judged else "NLL"
    )
    return f"Models of this study. {quality} in bits/dim"


def _with_training(ours: MeasuredRows, model: str, row: Row) -> Row:
    """A row with the length of training and the training seeds."""
    group, fields, line = row
    settings = ours.study.model(model)
    steps = settings.training.steps if settings.is_trained else None
    seeds = ours.seeds(model)
    added: dict[str, Any] = {"training_steps": steps}
    cells = [Cell("" if steps is None else f"{steps:,}"), Cell(", ".join(map(str, seeds)))]
    return group, fields | added, Line(line.label, [*line.cells, *cells])


def _blank(row: Row) -> Row:
    group, fields, line = row
    return group, fields, Line(line.label, [*line.cells, Cell(), Cell()])


def _notes(study: Study, ours: MeasuredRows, published: bool) -> list[str]:
    own = systems.NOTES if study.is_judged else (_UNJUDGED_NOTE, _NLL_NOTE)
    found = footnotes.of_table(study, [ours], own, ours.divergence_notes)
    return found if published else [note for note in found if note != footnotes.PUBLISHED_NOTE]


TABLE = artefact.Table(
    name="models", title="Models of this study", settings=ModelsSettings, inputs=_inputs, build=_build
)
