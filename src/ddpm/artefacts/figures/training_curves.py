"""The training curves of several models: the loss in one panel for each model, seeds overlaid."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, FuncFormatter, LogLocator, NullFormatter

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.reading import status_of
from ddpm.artefacts.figures.style import PAGE_WIDTH, SERIES, chart
from ddpm.status import has_diverged
from ddpm.study.dependencies import Inputs, training_runs
from ddpm.study.models import DiffusionSettings
from ddpm.study.settings import Study
from ddpm.traced_files import read_frame

COLUMNS = 3
_TARGETS = {"epsilon": r"$\epsilon$", "mu_tilde": r"$\tilde{\mu}_t$", "x0": r"$\mathbf{x}_0$"}
_STYLES = ("-", "--", ":", "-.")


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


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from the curves kept by training."""
    models = study.artefacts.models_of("training_curves")
    chosen = zip(training_runs(study, models), inputs["curves"], strict=True)
    runs = [_read(path, str(run["model"]), int(str(run["seed"]))) for run, path in chosen]
    units = {model: loss_unit(study.model(model).diffusion) for model in models}
    return curves_figure(runs, units, wording.heading(study, "Training curves"))


def curves_figure(runs: Sequence[Run], units: dict[str, str], title: str) -> Figure:
    """A panel for each model, in the order of `units`.

    Args:
        runs: all runs of all models.
        units: for each model, what its loss is and its unit.
        title: the heading.
    """
    rows = math.ceil(len(units) / COLUMNS)
    columns = min(COLUMNS, len(units))
    figure = chart(PAGE_WIDTH * columns / COLUMNS, 0.35 + 1.95 * rows, title)
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


def loss_unit(diffusion: DiffusionSettings) -> str:
    """What the loss of an objective is and its unit, for an axis (section 3.4)."""
    if diffusion.loss == "kl":
        return "term of $L$ (bits/dim)"
    scale = "of unit variance" if diffusion.prediction == "epsilon" else "pixels in [\u22121, 1]"
    return f"MSE of {_TARGETS[diffusion.prediction]} ({scale})"


def _draw_panel(axes: Axes, runs: Sequence[Run]) -> None:
    axes.set_yscale("log")
    for index, run in enumerate(runs):
        look: dict[str, Any] = {
            "color": SERIES[index % len(SERIES)],
            "linestyle": _STYLES[index % len(_STYLES)],
        }
        shown = np.isfinite(run.loss) & (run.loss > 0)
        diverged = has_diverged(run.status)
        label = f"seed {run.seed}: {run.status}" if diverged else f"seed {run.seed}"
        # A diverged run ends in a cross on its last finite loss.
        mark: dict[str, Any] = (
            {"marker": "X", "markersize": 5, "markevery": [int(shown.sum()) - 1]}
            if diverged and shown.any()
            else {}
        )
        axes.plot(run.steps[shown], run.loss[shown], linewidth=1.1, label=label, **look, **mark)
    if len(runs) > 1 or any(has_diverged(run.status) for run in runs):
        # Room for the legend above the curves, where losses begin.
        low, high = axes.get_ylim()
        axes.set_ylim(low, high * (high / low) ** (0.05 + 0.13 * len(runs)))
        axes.legend(loc="upper right")
    _label_ticks(axes)


def _label_ticks(axes: Axes) -> None:
    """Ticks in plain numbers: 1, 2, 5 of each decade where few decades are shown, else decades."""
    low, high = axes.get_ylim()
    axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5) if high < 100 * low else (1,)))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.xaxis.set_major_formatter(EngFormatter(sep=""))


def _read(path: str, model: str, seed: int) -> Run:
    frame = read_frame(path)
    return Run(
        model=model,
        seed=seed,
        status=status_of(path),
        steps=frame["step"].to_numpy(),
        loss=frame["loss"].to_numpy(dtype=float),
    )
