"""FID over training: that of each checkpoint's averaged weights, one line a run, evaluated ones ringed."""

from __future__ import annotations

import dataclasses
import itertools
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.style import INK, LINES, PAGE_WIDTH, SERIES, chart, label_decades, label_steps
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import checkpoint_rows, training_runs
from ddpm.records.status import has_failed

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_WIDE_RANGE = 20.0  # largest FID over smallest, above which the axis is logarithmic
_COLUMNS = 3  # of the legend
_RING: dict[str, Any] = {"color": INK, "linestyle": "none", "marker": "o", "markersize": 8}
_RING |= {"markerfacecolor": "none", "markeredgewidth": 1.1}


@dataclasses.dataclass(frozen=True)
class Run:
    """The checkpoints of one training run.

    Attributes:
        model, seed: which one.
        status: "trained" or "diverged at step n".
        steps: [n] updates made, ascending.
        fid: [n] FID against the training split; NaN where there is none.
        images: samples of each checkpoint; 0 where there are none.
        evaluated: step whose weights are evaluated; None if that follows from FIDs that are not there.
    """

    model: str
    seed: int
    status: str
    steps: np.ndarray
    fid: np.ndarray
    images: int
    evaluated: int | None


def _inputs(study: Study, settings: artefact.CurvesSettings) -> Inputs:
    runs = training_runs(study, settings.models)
    return {"rows": [file for run in runs for file in checkpoint_rows(study, **run)]}


def _draw(study: Study, settings: artefact.CurvesSettings, inputs: Inputs, heading: str) -> Figure:
    return checkpoints_figure([_read(study, **run) for run in training_runs(study, settings.models)], heading)


def checkpoints_figure(runs: Sequence[Run], heading: str) -> Figure:
    """One line for each run: a colour for each model, a line style for each of its seeds.

    Args:
        runs: all runs of all models.
        heading: the heading.
    """
    models = list(dict.fromkeys(run.model for run in runs))
    rows = math.ceil((len(runs) + 1) / _COLUMNS)
    figure = chart(PAGE_WIDTH, 3.0 + 0.16 * rows, heading)
    axes = figure.add_subplot()
    for number, model in enumerate(models):
        of_model = [run for run in runs if run.model == model]
        for run, style in zip(of_model, itertools.cycle(LINES), strict=False):
            shown, label = np.isfinite(run.fid), _run_label(run, len(of_model))
            look: dict[str, Any] = {"color": SERIES[number % len(SERIES)], "linestyle": style, "label": label}
            axes.plot(run.steps[shown], run.fid[shown], linewidth=1.1, marker="o", markersize=2.5, **look)
    _ring_evaluated(axes, runs)
    axes.set(xlabel="training steps", ylabel=_label(runs))
    axes.set_xlim(left=0)
    label_steps(axes)
    _scale(axes, np.concatenate([run.fid for run in runs]))
    figure.legend(loc="outside lower center", ncols=min(_COLUMNS, len(runs) + 1))
    return figure


def evaluated_step(
    evaluate: Literal["last", "minimum_fid"] | int, steps: np.ndarray, fid: np.ndarray
) -> int | None:
    """The step whose weights are evaluated; of several with the minimum FID the first.

    Args:
        evaluate: `CheckpointSettings.evaluate`.
        steps: [n] steps of the checkpoints, ascending.
        fid: [n] their FID; NaN where there is none.

    Returns:
        None if the minimum is asked for and no FID is known.
    """
    if evaluate == "last":
        return int(steps[-1])
    if evaluate != "minimum_fid":
        return int(evaluate)
    return int(steps[np.nanargmin(fid)]) if np.isfinite(fid).any() else None


def _read(study: Study, model: str, seed: int) -> Run:
    """A run's FID at each of its checkpoints; the step of a file follows from its place in the list."""
    import pandas as pd

    from ddpm.records.measurements import read_measurements

    settings = study.model(model)
    files = [read_measurements([path]) for path in checkpoint_rows(study, model, seed)]
    found = [rows[(rows["metric"] == "FID") & (rows["split"] == "train")] for rows in files]
    fid = np.array([rows["value"].iloc[0] if len(rows) else math.nan for rows in found], dtype=float)
    every = pd.concat(files, ignore_index=True)
    statuses = every["status"].dropna().astype(str)
    steps = np.array(settings.candidates)
    return Run(
        model=model,
        seed=seed,
        status=next((status for status in statuses if has_failed(status)), "trained"),
        steps=steps,
        fid=fid,
        images=int(every["n"].fillna(0).max()) if len(every) else 0,
        evaluated=evaluated_step(settings.checkpoints.evaluate, steps, fid),
    )


def _run_label(run: Run, seeds: int) -> str:
    label = run.model if seeds == 1 else f"{run.model}, seed {run.seed}"
    return f"{label}: {run.status}" if has_failed(run.status) else label


def _ring_evaluated(axes: Axes, runs: Sequence[Run]) -> None:
    """A ring around each point whose weights are evaluated."""
    chosen = [
        (step, fid)
        for run in runs
        for step, fid in zip(run.steps, run.fid, strict=True)
        if step == run.evaluated and math.isfinite(fid)
    ]
    if chosen:
        steps, fid = zip(*chosen, strict=True)
        axes.plot(steps, fid, **_RING, label="weights that are evaluated")


def _label(runs: Sequence[Run]) -> str:
    """The FID's axis, with the number of samples that it is of."""
    images = sorted({run.images for run in runs if run.images})
    if not images:
        return "FID against train"
    count = " to ".join(f"{n:,}" for n in dict.fromkeys((images[0], images[-1])))
    return f"FID against train\n({count} samples a checkpoint)"


def _scale(axes: Axes, fid: np.ndarray) -> None:
    """A logarithmic axis for FIDs of a wide range, else one from 0; words where there is no FID."""
    found = fid[np.isfinite(fid)]
    if not len(found):
        axes.set_yticks([])
        words = "Nothing to show: no checkpoint has an FID."
        axes.text(0.5, 0.5, words, transform=axes.transAxes, ha="center")
    elif found.min() > 0 and found.max() > _WIDE_RANGE * found.min():
        axes.set_yscale("log")
        label_decades(axes, (1, 2, 5))
    else:
        axes.set_ylim(bottom=0)


FIGURE = artefact.Figure(
    name="checkpoints",
    settings=artefact.CurvesSettings,
    inputs=_inputs,
    subject="FID over training",
    paper="no such figure; its numbers are those of the checkpoint of minimum FID",
    here="FID of the averaged weights over training, for {models}, of fewer samples than the final numbers",
    draw=_draw,
)
