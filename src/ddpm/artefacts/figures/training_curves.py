"""The training curves of several models: the loss in one panel for each model, seeds overlaid."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.reading import status_of
from ddpm.artefacts.figures.style import LINES, PAGE_WIDTH, SERIES, chart, label_decades, label_steps
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import fill, training_runs
from ddpm.records.status import has_diverged
from ddpm.study.models import DiffusionSettings

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_COLUMNS = 3
_TARGETS = {"epsilon": r"$\epsilon$", "mu_tilde": r"$\tilde{\mu}_t$", "x0": r"$\mathbf{x}_0$"}


@dataclasses.dataclass(frozen=True)
class Run:
    """One training run.

    Attributes:
        model, seed: which one.
        status: "trained" or "diverged at step n".
        steps: [n] updates made.
        loss: [n] mean loss since the point before; not finite at the end of a diverged run.
    """

    model: str
    seed: int
    status: str
    steps: np.ndarray
    loss: np.ndarray


def _inputs(study: Study, settings: artefact.CurvesSettings) -> Inputs:
    runs = training_runs(study, settings.models)
    return {"curves": [fill(layout.CURVE, study, **run) for run in runs]}


def _draw(study: Study, settings: artefact.CurvesSettings, inputs: Inputs, heading: str) -> Figure:
    from ddpm.records.traced_files import read_frame

    runs = []
    for run, path in zip(training_runs(study, settings.models), inputs["curves"], strict=True):
        frame = read_frame(path)
        steps, loss = frame["step"].to_numpy(), frame["loss"].to_numpy(dtype=float)
        runs.append(Run(**run, status=status_of(path), steps=steps, loss=loss))
    units = {model: _loss_unit(study.model(model).diffusion) for model in settings.models}
    return curves_figure(runs, units, heading)


def curves_figure(runs: Sequence[Run], units: dict[str, str], heading: str) -> Figure:
    """A panel for each model, in the order of `units`.

    Args:
        runs: all runs of all models.
        units: for each model, what its loss is and its unit.
        heading: the heading.
    """
    rows = math.ceil(len(units) / _COLUMNS)
    columns = min(_COLUMNS, len(units))
    figure = chart(PAGE_WIDTH * columns / _COLUMNS, 0.35 + 1.95 * rows, heading)
    first: Axes | None = None
    for panel, (model, unit) in enumerate(units.items()):
        axes = figure.add_subplot(rows, columns, panel + 1, sharex=first)
        first = first or axes
        _draw_panel(axes, [run for run in runs if run.model == model])
        axes.set_title(model, parse_math=False)
        axes.set_ylabel(unit)
        if panel + columns >= len(units):
            axes.set_xlabel("training steps")
    return figure


def _loss_unit(diffusion: DiffusionSettings) -> str:
    """What the loss of an objective is and its unit, for an axis (section 3.4)."""
    if diffusion.loss == "kl":
        return "term of $L$ (bits/dim)"
    scale = "of unit variance" if diffusion.prediction == "epsilon" else "pixels in [\u22121, 1]"
    return f"MSE of {_TARGETS[diffusion.prediction]} ({scale})"


def _draw_panel(axes: Axes, runs: Sequence[Run]) -> None:
    axes.set_yscale("log")
    for number, run in enumerate(runs):
        shown = np.isfinite(run.loss) & (run.loss > 0)
        look: dict[str, Any] = {
            "color": SERIES[number % len(SERIES)],
            "linestyle": LINES[number % len(LINES)],
            "label": f"seed {run.seed}",
        }
        if has_diverged(run.status):
            look["label"] += f": {run.status}"
            # A diverged run ends in a cross on its last finite loss.
            look |= (
                {"marker": "X", "markersize": 5, "markevery": [int(shown.sum()) - 1]} if shown.any() else {}
            )
        axes.plot(run.steps[shown], run.loss[shown], linewidth=1.1, **look)
    if len(runs) > 1 or any(has_diverged(run.status) for run in runs):
        # Space for the legend above the curves, where losses begin.
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** (0.05 + 0.13 * len(runs)))
        axes.legend(loc="upper right")
    low, high = axes.get_ylim()
    label_decades(axes, (1, 2, 5) if high < 100 * low else (1,))
    label_steps(axes)


FIGURE = artefact.Figure(
    name="training_curves",
    settings=artefact.CurvesSettings,
    inputs=_inputs,
    subject="Training curves",
    paper="no such figure",
    here="loss over training, for {models}",
    draw=_draw,
)
