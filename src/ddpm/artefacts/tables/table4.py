"""Table 4: rate and distortion at ten equally spaced times of the reverse process."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from ddpm.artefacts.published import Published, read_published
from ddpm.artefacts.tables import notes, trace
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.errors import DataError
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study
from ddpm.traced_files import read_frame, read_provenance

_TITLE = "Table 4. Unconditional progressive lossy coding of the test split: rate and distortion"
_METRICS = ("rate", "RMSE")
_PUBLISHED_T = 1000
_PROTOCOL = "mean over the test split, one noise draw for each image and t"
_NOTES = (
    "Rate: bits/dim that tell x_t, the prior term and the KL terms down to t: an ideal code length, not the "
    "output of a coder. Distortion: root mean squared error of the x0-hat predicted from x_t, in grey levels "
    "of [0, 255].",
    "A row of the paper's T = 1000 stands beside the time at the same share of the reverse process here.",
)


@dataclasses.dataclass(frozen=True)
class _Point:
    """One time of the reverse process: the paper's numbers and ours (NaN where there are none)."""

    published_steps: int
    steps: int
    t: int
    published: dict[str, str]
    measured: dict[str, float]


def build(study: Study) -> BuiltTable:
    """Builds Table 4 from the files that `artefact_inputs` names.

    Raises:
        DataError: an input is missing, damaged, or lacks a time that the table shows.
    """
    inputs = artefact_inputs(study, "table4")
    [model] = study.artefacts.models_of("table4")
    published = read_published(inputs["published"][0])
    path = inputs["rate_distortion"][0]
    timesteps = study.model(model).diffusion.timesteps
    curve = _read_curve(path, timesteps)
    points = [_point(published, steps, timesteps, curve) for steps in _published_steps(published)]
    source = _source(study, model, read_provenance(path))
    return BuiltTable(
        frame=pd.DataFrame([_fields(study, model, point, source) for point in points]),
        view=View(
            title=_TITLE,
            label_heading="Reverse process time T-t+1 (published)",
            columns=[
                Column("Rate", "published, CIFAR-10"),
                Column("RMSE", "published, CIFAR-10"),
                Column("T-t+1", "measured here"),
                Column("Rate", "measured here"),
                Column("RMSE", "measured here"),
            ],
            groups=[Group("", [_line(point) for point in points])],
            notes=[
                "Published: the paper's L_simple model on the CIFAR-10 test split, T = 1,000.",
                notes.measured_note(study, [model]),
                _source_note(source),
                *_NOTES,
            ],
        ),
        trace=trace.join(_trace(points, source)),
    )


def nearest_steps(published_steps: int, timesteps: int) -> int:
    """The reverse time T - t + 1 in 1..T at the same share of the reverse process as the paper's.

    For T = 100 the paper's 1000, 900, ..., 100 become 100, 90, ..., 10.
    """
    return max(1, math.floor(published_steps * timesteps / _PUBLISHED_T + 0.5))


def _published_steps(published: Published) -> list[int]:
    return [steps for steps, _ in reversed(published.curve("table4", "rate"))]


def _read_curve(path: str, timesteps: int) -> pd.DataFrame:
    """Rate (bits/dim) and RMSE (grey levels) by reverse time; empty for a diverged model."""
    frame = read_frame(path)
    missing = {"reverse_steps", "rate", "rmse"} - set(frame.columns)
    if missing:
        raise DataError(f"{path}: has no column {', '.join(sorted(missing))}; delete it and run again")
    if len(frame) and sorted(frame["reverse_steps"]) != list(range(1, timesteps + 1)):
        raise DataError(f"{path}: does not hold each of T = {timesteps} times once; delete it and run again")
    return frame.rename(columns={"rmse": "RMSE"}).set_index("reverse_steps")


def _point(published: Published, published_steps: int, timesteps: int, curve: pd.DataFrame) -> _Point:
    steps = nearest_steps(published_steps, timesteps)
    row = str(published_steps)
    return _Point(
        published_steps=published_steps,
        steps=steps,
        t=timesteps - steps + 1,
        published={metric: published.number("table4", row, metric).printed for metric in _METRICS},
        measured={m: float(curve[m].loc[steps]) if len(curve) else math.nan for m in _METRICS},
    )


def _source(study: Study, model: str, provenance: dict[str, Any]) -> dict[str, Any]:
    """What is known of the measured curve, under the trace's column names."""
    known = {key: provenance[key] for key in trace.COLUMNS if key in provenance}
    settings = study.model(model)
    source: dict[str, Any] = {
        "study": study.name,
        "model": model,
        "split": "test",
        "training_seed": settings.seeds[0],
        "status": "trained",
        "protocol": _PROTOCOL,
    } | known
    diverged = "diverged" in str(source["status"])
    images = study.datasets[settings.dataset].split_sizes["test"]
    return source | {"n": 0 if diverged else images}


def _source_note(source: dict[str, Any]) -> str:
    model = f"Model {source['model']}, training seed {source['training_seed']}"
    if not source["n"]:
        return f"{model}: {source['status']}, so there is nothing to measure."
    return f"{model}: {source['protocol']} ({source['n']:,} images)."


def _fields(study: Study, model: str, point: _Point, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "published_data": "CIFAR-10",
        "published_reverse_steps": point.published_steps,
        **{f"published_{metric}": float(point.published[metric]) for metric in _METRICS},
        "measured_data": notes.data_of(study, [model]),
        "model": model,
        "training_seed": source["training_seed"],
        "status": source["status"],
        "measured_reverse_steps": point.steps,
        "t": point.t,
        **{f"measured_{metric}": point.measured[metric] for metric in _METRICS},
        "n": source["n"],
    }


def _line(point: _Point) -> Line:
    published = [Cell(point.published[metric]) for metric in _METRICS]
    measured = [Cell(_five_decimals(point.measured[metric])) for metric in _METRICS]
    return Line(str(point.published_steps), [*published, Cell(str(point.steps)), *measured])


def _five_decimals(value: float) -> str:
    """As the paper prints them: a rate that vanishes is 0.00000."""
    return f"{value:.5f}" if math.isfinite(value) else ""


def _trace(points: list[_Point], source: dict[str, Any]) -> list[pd.DataFrame]:
    return [
        trace.cell_trace(
            str(point.published_steps),
            f"measured_{metric}",
            pd.DataFrame([{**source, "metric": metric, "value": point.measured[metric]}]),
        )
        for point in points
        for metric in _METRICS
    ]
