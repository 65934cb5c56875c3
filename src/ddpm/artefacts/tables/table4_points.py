"""The ten times of Table 4: the paper's numbers, and ours at the same share of the reverse process."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import pandas as pd

from ddpm.artefacts.published import Published, PublishedNumber
from ddpm.artefacts.tables import trace
from ddpm.artefacts.tables.comparability import TIMESTEPS
from ddpm.errors import DataError
from ddpm.status import is_evaluated
from ddpm.study.settings import Study
from ddpm.traced_files import read_frame, read_provenance

METRICS = ("rate", "RMSE")
_PROTOCOL = "mean over the test split, one noise draw for each image and t"
# The columns of the curve that hold each metric, and its standard error where the file has it.
_COLUMNS = {"rate": "rate", "RMSE": "rmse"}


@dataclasses.dataclass(frozen=True)
class Point:
    """One time of the reverse process.

    Attributes:
        published_steps, steps: T - t + 1 in the paper, and here.
        t: the time here.
        published: the paper's numbers by metric.
        measured: ours by metric; NaN where there is none.
        errors: their standard errors over images; NaN where they are not known.
    """

    published_steps: int
    steps: int
    t: int
    published: dict[str, PublishedNumber]
    measured: dict[str, float]
    errors: dict[str, float]


@dataclasses.dataclass(frozen=True)
class Points:
    """The points of one model, and the measured curve's provenance under the trace's column names."""

    points: list[Point]
    source: dict[str, Any]

    def measurement(self, point: Point, metric: str) -> pd.DataFrame:
        """The measured number of a point as a row for the trace."""
        return pd.DataFrame([{**self.source, "metric": metric, "value": point.measured[metric]}])

    def trace(self) -> list[pd.DataFrame]:
        """The measurements of every cell of the table."""
        return [
            trace.cell_trace(
                str(point.published_steps), f"measured_{metric}", self.measurement(point, metric)
            )
            for point in self.points
            for metric in METRICS
        ]


def read_points(study: Study, model: str, path: str, published: Published) -> Points:
    """Reads a model's curve at the times of Table 4.

    Raises:
        DataError: the curve is missing, damaged, or lacks a time.
    """
    timesteps = study.model(model).diffusion.timesteps
    curve = _read_curve(path, timesteps)
    steps = [steps for steps, _ in reversed(published.curve("table4", "rate"))]
    points = [_point(published, published_steps, timesteps, curve) for published_steps in steps]
    return Points(points, _source(study, model, read_provenance(path)))


def nearest_steps(published_steps: int, timesteps: int) -> int:
    """The reverse time T - t + 1 in 1..T at the same share of the reverse process as the paper's.

    For T = 100 the paper's 1000, 900, ..., 100 become 100, 90, ..., 10.
    """
    return max(1, math.floor(published_steps * timesteps / TIMESTEPS + 0.5))


def _read_curve(path: str, timesteps: int) -> pd.DataFrame:
    """Rate (bits/dim) and rmse (grey levels) by reverse time; empty for a diverged model."""
    frame = read_frame(path)
    missing = {"reverse_steps", *_COLUMNS.values()} - set(frame.columns)
    if missing:
        raise DataError(f"{path}: has no column {', '.join(sorted(missing))}; delete it and run again")
    if len(frame) and sorted(frame["reverse_steps"]) != list(range(1, timesteps + 1)):
        raise DataError(f"{path}: does not hold each of T = {timesteps} times once; delete it and run again")
    return frame.set_index("reverse_steps")


def _point(published: Published, published_steps: int, timesteps: int, curve: pd.DataFrame) -> Point:
    steps = nearest_steps(published_steps, timesteps)
    row = str(published_steps)

    # A curve of an earlier version has no standard errors.
    def at(column: str) -> float:
        return float(curve[column].loc[steps]) if len(curve) and column in curve else math.nan

    return Point(
        published_steps=published_steps,
        steps=steps,
        t=timesteps - steps + 1,
        published={metric: published.number("table4", row, metric) for metric in METRICS},
        measured={metric: at(column) for metric, column in _COLUMNS.items()},
        errors={metric: at(f"{column}_error") for metric, column in _COLUMNS.items()},
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
    images = study.likelihood.evaluated(study.datasets[settings.dataset].split_sizes["test"])
    return source | {"n": images if is_evaluated(str(source["status"])) else 0}
