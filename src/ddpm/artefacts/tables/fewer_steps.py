"""Sampling in fewer steps: FID and IS by the number of steps, with both fixed variances."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.tables import differences, footnotes
from ddpm.artefacts.tables.measured_rows import cell_of, csv_frame, summaries_of
from ddpm.artefacts.tables.measures import FID, IS, Measure, Summary, best_of, require_runs, status_of
from ddpm.artefacts.tables.table import BuiltTable, cell_trace, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import fill, first_run
from ddpm.records.status import TRAINED
from ddpm.study.base import MOST, Count, EachOnce
from ddpm.study.evaluation import FixedVariance

if TYPE_CHECKING:
    from ddpm.study.settings import Study

_MEASURES = (FID, IS)
_VARIANCE_NOTE = (
    "The times are evenly spaced, with both ends, and make up a process of their own with the same alpha-bar "
    "at them. Its reverse variance is beta_t (fixed_large) or beta-tilde_t (fixed_small; section 3.2) of the "
    "steps that are taken. The better of the variances is marked in each row. The paper has no such numbers."
)


class FewerStepsSettings(artefact.ModelArtefactSettings):
    """One trained model, sampled in fewer steps and with the other variance."""

    steps: Annotated[list[Count], EachOnce] = Field(
        min_length=1, description="Numbers of evenly spaced steps, one row each."
    )
    variances: Annotated[list[FixedVariance], EachOnce] = Field(
        ["fixed_large", "fixed_small"], min_length=1, description="Reverse variances, columns side by side."
    )
    images: Annotated[int, Field(ge=2, le=MOST)] | None = Field(
        None, description="Samples for each number of steps and variance; null for `sampling.images`."
    )


@dataclasses.dataclass(frozen=True)
class _Combination:
    """Numbers of one number of steps and variance: by CSV column, how training ended, and the model named."""

    summaries: dict[str, Summary]
    status: str


def _inputs(study: Study, settings: FewerStepsSettings) -> Inputs:
    """The rows of each number of steps with each variance, in the order of the settings."""
    pairs = itertools.product(settings.steps, settings.variances)
    return {"rows": [_rows_file(study, settings, steps, variance) for steps, variance in pairs]}


def _rows_file(study: Study, settings: FewerStepsSettings, steps: int, variance: str) -> str:
    """Where the measurements of one number of steps and variance lie.

    Where a set of samples of the study is drawn so already, by the model or by one that has the same weights
    (`pretrained.model`), they are its own; else the rule `respaced` makes them.
    """
    run = first_run(study, settings.model)
    sampling = study.sampling_seeds(settings.model)[0]
    if settings.images in (None, study.sampling_of(settings.model).images):
        for model in [settings.model, *study.models]:
            if _has_weights_of(study, model, settings.model) and _drawn_so(study, model, steps, variance):
                found = study.model(model).seeds, study.sampling_seeds(model)
                if run["seed"] in found[0] and sampling in found[1]:
                    same = {"model": model, "seed": run["seed"], "sampling": sampling}
                    return fill(layout.QUALITY_ROWS, study, **same)
    return fill(layout.RESPACED_ROWS, study, **run, steps=steps, variance=variance)


def _has_weights_of(study: Study, model: str, other: str) -> bool:
    return (study.model(model).weights_of or model) == (study.model(other).weights_of or other)


def _drawn_so(study: Study, model: str, steps: int, variance: str) -> bool:
    """Whether the study's samples of a model are drawn in so many evenly spaced steps with this variance."""
    sampling, diffusion = study.sampling_of(model), study.model(model).diffusion
    own = (sampling.reverse_steps(diffusion.timesteps), sampling.variance or diffusion.variance)
    return own == (steps, variance) and (steps == diffusion.timesteps or isinstance(sampling.steps, int))


def _build(study: Study, settings: FewerStepsSettings, inputs: Inputs) -> BuiltTable:
    variances: list[str] = [*settings.variances]
    pairs = itertools.product(settings.steps, variances)
    found = {
        pair: _read(study, settings.model, file) for pair, file in zip(pairs, inputs["rows"], strict=True)
    }
    by_steps = {
        steps: {variance: found[steps, variance] for variance in variances} for steps in settings.steps
    }
    rows = [_fields(study, settings, steps, of) for steps, of in by_steps.items()]
    columns = [Column(variance, measure.column) for measure in _MEASURES for variance in variances]
    return BuiltTable(
        frame=csv_frame(rows, rows[0]),
        view=View(
            title=f"Sampling {settings.model} in fewer steps (FID, lower is better; IS, higher is better)",
            label_heading="Steps",
            columns=columns,
            groups=grouped(("", _line(study, settings, steps, of)) for steps, of in by_steps.items()),
            notes=_notes(study, settings, found),
        ),
        trace=joined(
            cell_trace(str(steps), f"{measure.column}_{variance}", of.summaries[measure.column].rows)
            for (steps, variance), of in found.items()
            for measure in _MEASURES
        ),
    )


def _read(study: Study, model: str, file: str) -> _Combination:
    """One combination's numbers; raises DataError if the file is missing, damaged, or lacks one."""
    from ddpm.records.measurements import read_measurements

    rows, seeds = read_measurements([file]), study.model(model).seeds[:1]
    require_runs(rows, model, seeds, _MEASURES)
    return _Combination(summaries_of(rows, _MEASURES), status_of(rows, seeds))


def _fields(
    study: Study, settings: FewerStepsSettings, steps: int, by_variance: Mapping[str, _Combination]
) -> dict[str, Any]:
    model = settings.model
    fields: dict[str, Any] = {
        "data": footnotes.data_of(study, [model]),
        "model": model,
        "training_seed": study.model(model).seeds[0],
        "sampling_seed": study.sampling_seeds(model)[0],
        "T": study.model(model).diffusion.timesteps,
        "steps": steps,
        "status": "; ".join(dict.fromkeys(found.status for found in by_variance.values())),
    }
    for measure, variance in itertools.product(_MEASURES, by_variance):
        found, name = by_variance[variance].summaries[measure.column], f"{measure.column}_{variance}"
        fields |= {name: found.value, f"{name}_n": found.n}
        if measure.within:
            fields[f"{name}_spread"] = found.spread
    return fields


def _line(
    study: Study, settings: FewerStepsSettings, steps: int, by_variance: Mapping[str, _Combination]
) -> Line:
    cells: list[Cell] = []
    for measure in _MEASURES:
        of = {variance: found.summaries[measure.column] for variance, found in by_variance.items()}
        best = best_of(of, measure) if len(of) > 1 else set()
        for variance, summary in of.items():
            fewer = bool(_fewer(study, settings.model, measure, summary))
            cells.append(cell_of(measure, summary, variance in best, fewer=fewer))
    return Line(f"{steps:,}", cells)


def _fewer(study: Study, model: str, measure: Measure, found: Summary) -> str:
    return differences.fewer_images(study, model, measure.metric, measure.split, found.n)


def _notes(
    study: Study, settings: FewerStepsSettings, found: Mapping[tuple[int, str], _Combination]
) -> list[str]:
    model, features = settings.model, study.quality.features
    images = study.sampling_of(model).images if settings.images is None else settings.images
    judge = "Inception (2015-12-05)"
    if features.kind == "classifier":
        judge = f"a classifier trained on the {features.dataset} data, not Inception-v3"
    fewer = dict.fromkeys(
        (measure.metric, _fewer(study, model, measure, of.summaries[measure.column]))
        for of in found.values()
        for measure in _MEASURES
    )
    status = dict.fromkeys(of.status for of in found.values() if of.status != TRAINED)
    return [
        *footnotes.measured_notes(study, [model]),
        *(f"{model}: {words}." for words in status),
        f"The same weights in every row: training seed {study.model(model).seeds[0]}, sampling seed "
        f"{study.sampling_seeds(model)[0]}; {images:,} samples for each number.",
        f"FID is taken against the training split; FID and IS use the features of {judge}. "
        "± of IS: standard deviation over the splits of the samples.",
        *footnotes.fewer_note([(metric, words) for metric, words in fewer if words]),
        _VARIANCE_NOTE,
    ]


TABLE = artefact.Table(name="fewer_steps", settings=FewerStepsSettings, inputs=_inputs, build=_build)
