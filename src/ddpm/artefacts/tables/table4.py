"""Table 4: rate and distortion at ten equally spaced times of the reverse process."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

from ddpm.artefacts import artefact
from ddpm.artefacts.published import Published, PublishedNumber, read_published
from ddpm.artefacts.tables import differences, footnotes
from ddpm.artefacts.tables.numbers import FEWER
from ddpm.artefacts.tables.table import TRACE_COLUMNS, BuiltTable, cell_trace, joined
from ddpm.artefacts.tables.view import Cell, Column, Line, View, grouped
from ddpm.errors import DataError
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import rate_distortion
from ddpm.records.status import is_evaluated

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study

METRICS = ("rate", "RMSE")
_TITLE = "Table 4. Unconditional progressive lossy coding of the test split: rate and distortion"
_NOTES = (
    "Rate: bits/dim that tell x_t, the prior term and the KL terms down to t: an ideal code length, not the "
    "output of a coder. Distortion: root mean squared error of the x0-hat predicted from x_t, in grey levels "
    "of [0, 255].",
    "A row of the paper's T = 1000 stands beside the time at the same share of the reverse process here.",
)
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
        source: the measured curve's provenance under the trace's column names.
    """

    published_steps: int
    steps: int
    t: int
    published: dict[str, PublishedNumber]
    measured: dict[str, float]
    errors: dict[str, float]
    source: dict[str, Any]

    def measurement(self, metric: str) -> pd.DataFrame:
        """A measured number as a row for the trace."""
        import pandas as pd

        return pd.DataFrame([{**self.source, "metric": metric, "value": self.measured[metric]}])


def read_points(study: Study, model: str, path: str, published: Published) -> list[Point]:
    """Reads a model's curve at the times of Table 4, in the paper's order.

    Raises:
        DataError: the curve is missing, damaged, or lacks a time.
    """
    from ddpm.records.traced_files import read_provenance

    timesteps = study.model(model).diffusion.timesteps
    curve, source = _read_curve(path, timesteps), _source(study, model, read_provenance(path))
    steps = [steps for steps, _ in reversed(published.curve("table4", "rate"))]
    return [_point(published, published_steps, timesteps, curve, source) for published_steps in steps]


def nearest_steps(published_steps: int, timesteps: int) -> int:
    """The reverse time T - t + 1 in 1..T at the same share of the reverse process as the paper's.

    For T = 100 the paper's 1000, 900, ..., 100 become 100, 90, ..., 10.
    """
    return max(1, math.floor(published_steps * timesteps / differences.TIMESTEPS + 0.5))


def _read_curve(path: str, timesteps: int) -> pd.DataFrame:
    """Rate (bits/dim) and rmse (grey levels) by reverse time; empty for a diverged model."""
    from ddpm.records.traced_files import read_frame

    frame = read_frame(path)
    missing = {"reverse_steps", *_COLUMNS.values()} - set(frame.columns)
    if missing:
        raise DataError(f"{path}: has no column {', '.join(sorted(missing))}; delete it and run again")
    if len(frame) and sorted(frame["reverse_steps"]) != list(range(1, timesteps + 1)):
        raise DataError(f"{path}: does not hold each of T = {timesteps} times once; delete it and run again")
    return frame.set_index("reverse_steps")


def _point(
    published: Published, published_steps: int, timesteps: int, curve: pd.DataFrame, source: dict[str, Any]
) -> Point:
    steps = nearest_steps(published_steps, timesteps)

    # A curve of an earlier version has no standard errors.
    def at(column: str) -> float:
        return float(curve[column].loc[steps]) if len(curve) and column in curve else math.nan

    return Point(
        published_steps=published_steps,
        steps=steps,
        t=timesteps - steps + 1,
        published={metric: published.number("table4", str(published_steps), metric) for metric in METRICS},
        measured={metric: at(column) for metric, column in _COLUMNS.items()},
        errors={metric: at(f"{column}_error") for metric, column in _COLUMNS.items()},
        source=source,
    )


def _source(study: Study, model: str, provenance: dict[str, Any]) -> dict[str, Any]:
    """What is known of the measured curve, under the trace's column names."""
    from ddpm.graph.sources import split_sizes

    settings = study.model(model)
    source: dict[str, Any] = {
        "study": study.name,
        "model": model,
        "split": "test",
        "training_seed": settings.seeds[0],
        "status": "trained",
        "protocol": _PROTOCOL,
    } | {key: provenance[key] for key in TRACE_COLUMNS if key in provenance}
    images = study.likelihood.evaluated(split_sizes(study, settings.dataset)["test"])
    return source | {"n": images if is_evaluated(str(source["status"])) else 0}


def _inputs(study: Study, settings: artefact.ModelArtefactSettings) -> Inputs:
    return {"rate_distortion": rate_distortion(study, settings.model), "published": [PUBLISHED]}


def _build(study: Study, settings: artefact.ModelArtefactSettings, inputs: Inputs) -> BuiltTable:
    import pandas as pd

    model, published = settings.model, read_published(inputs["published"][0])
    points = read_points(study, model, inputs["rate_distortion"][0], published)
    source = points[0].source
    fewer = differences.fewer_images(study, model, "rate", "test", source["n"] or None)
    over = [("Rate", "published, CIFAR-10"), ("RMSE", "published, CIFAR-10")]
    over += [(name, "measured here") for name in ("T-t+1", "Rate", "RMSE")]
    return BuiltTable(
        frame=pd.DataFrame([_fields(study, point) for point in points]),
        view=View(
            title=_TITLE,
            label_heading="Reverse process time T-t+1 (published)",
            columns=[Column(*names) for names in over],
            groups=grouped(("", _line(point, bool(fewer))) for point in points),
            notes=[
                "Published: the paper's L_simple model on the CIFAR-10 test split, T = 1,000.",
                *footnotes.measured_notes(study, [model]),
                _source_note(source),
                *footnotes.fewer_note([("Rate and RMSE", fewer)] if fewer else []),
                *_NOTES,
            ],
        ),
        trace=joined(
            cell_trace(str(point.published_steps), f"measured_{metric}", point.measurement(metric))
            for point in points
            for metric in METRICS
        ),
    )


def _source_note(source: dict[str, Any]) -> str:
    model = f"Model {source['model']}, training seed {source['training_seed']}"
    if not source["n"]:
        return f"{model}: {source['status']}, so there is nothing to measure."
    return f"{model}: {source['protocol']} ({source['n']:,} images)."


def _fields(study: Study, point: Point) -> dict[str, Any]:
    source = point.source
    return {
        "published_data": "CIFAR-10",
        "published_reverse_steps": point.published_steps,
        **{f"published_{metric}": point.published[metric].value for metric in METRICS},
        "measured_data": footnotes.data_of(study, [source["model"]]),
        "model": source["model"],
        "training_seed": source["training_seed"],
        "status": source["status"],
        "measured_reverse_steps": point.steps,
        "t": point.t,
        **{f"measured_{metric}": point.measured[metric] for metric in METRICS},
        "n": source["n"],
    }


def _line(point: Point, fewer: bool) -> Line:
    """Five decimals, as the paper prints them: a rate that vanishes is 0.00000."""
    measured = [f"{x:.5f}{FEWER * fewer}" if math.isfinite(x) else "" for x in point.measured.values()]
    shown = [*(point.published[metric].printed for metric in METRICS), str(point.steps), *measured]
    return Line(str(point.published_steps), [Cell(text) for text in shown])


TABLE = artefact.Table(name="table4", settings=artefact.ModelArtefactSettings, inputs=_inputs, build=_build)
