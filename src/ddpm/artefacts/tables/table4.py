"""Table 4: rate and distortion at ten equally spaced times of the reverse process."""

from __future__ import annotations

import math
from typing import Any

import pandas as pd

from ddpm.artefacts.published import read_published
from ddpm.artefacts.tables import comparability, notes, trace
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.artefacts.tables.rendering.numbers import FEWER
from ddpm.artefacts.tables.rendering.view import Cell, Column, Group, Line, View
from ddpm.artefacts.tables.table4_points import METRICS, Point, read_points
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study

_TITLE = "Table 4. Unconditional progressive lossy coding of the test split: rate and distortion"
_NOTES = (
    "Rate: bits/dim that tell x_t, the prior term and the KL terms down to t: an ideal code length, not the "
    "output of a coder. Distortion: root mean squared error of the x0-hat predicted from x_t, in grey levels "
    "of [0, 255].",
    "A row of the paper's T = 1000 stands beside the time at the same share of the reverse process here.",
)


def build(study: Study) -> BuiltTable:
    """Builds Table 4 from the files that `artefact_inputs` names.

    Raises:
        DataError: an input is missing, damaged, or lacks a time that the table shows.
    """
    inputs = artefact_inputs(study, "table4")
    [model] = study.artefacts.models_of("table4")
    published = read_published(inputs["published"][0])
    found = read_points(study, model, inputs["rate_distortion"][0], published)
    fewer = comparability.fewer_images(study, model, "rate", "test", found.source["n"] or None)
    return BuiltTable(
        frame=pd.DataFrame([_fields(study, model, point, found.source) for point in found.points]),
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
            groups=[Group("", [_line(point, bool(fewer)) for point in found.points])],
            notes=[
                "Published: the paper's L_simple model on the CIFAR-10 test split, T = 1,000.",
                *notes.measured_notes(study, [model]),
                _source_note(found.source),
                *notes.fewer_note([("Rate and RMSE", fewer)] if fewer else []),
                *_NOTES,
            ],
        ),
        trace=trace.join(found.trace()),
    )


def _source_note(source: dict[str, Any]) -> str:
    model = f"Model {source['model']}, training seed {source['training_seed']}"
    if not source["n"]:
        return f"{model}: {source['status']}, so there is nothing to measure."
    return f"{model}: {source['protocol']} ({source['n']:,} images)."


def _fields(study: Study, model: str, point: Point, source: dict[str, Any]) -> dict[str, Any]:
    return {
        "published_data": "CIFAR-10",
        "published_reverse_steps": point.published_steps,
        **{f"published_{metric}": point.published[metric].value for metric in METRICS},
        "measured_data": notes.data_of(study, [model]),
        "model": model,
        "training_seed": source["training_seed"],
        "status": source["status"],
        "measured_reverse_steps": point.steps,
        "t": point.t,
        **{f"measured_{metric}": point.measured[metric] for metric in METRICS},
        "n": source["n"],
    }


def _line(point: Point, fewer: bool) -> Line:
    published = [Cell(point.published[metric].printed) for metric in METRICS]
    measured = [Cell(_five_decimals(point.measured[metric], fewer)) for metric in METRICS]
    return Line(str(point.published_steps), [*published, Cell(str(point.steps)), *measured])


def _five_decimals(value: float, fewer: bool) -> str:
    """As the paper prints them: a rate that vanishes is 0.00000."""
    return f"{value:.5f}{FEWER * fewer}" if math.isfinite(value) else ""
