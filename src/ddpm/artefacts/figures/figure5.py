"""Figure 5: rate and distortion in the course of the reverse process, beside the paper's Table 4."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.reading import divergence, status_of
from ddpm.artefacts.figures.style import OURS, PAGE_WIDTH, PAPER, SMALL_SIZE, chart
from ddpm.artefacts.published import read_published
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import rate_distortion

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_PAPER_T = 1000
_PAPER_LABEL = f"paper, Table 4: CIFAR-10 test images, T = {_PAPER_T}"
_RMSE, _RATE = "distortion (RMSE, 0\u2013255)", "rate (bits/dim)"


def _draw(study: Study, settings: artefact.ModelArtefactSettings, inputs: Inputs, heading: str) -> Figure:
    from ddpm.records.traced_files import read_frame

    [path], model = inputs["rate_distortion"], study.model(settings.model)
    published = read_published(inputs["published"][0])
    rates, errors = dict(published.curve("table4", "rate")), dict(published.curve("table4", "RMSE"))
    points = [(steps, rates[steps], errors[steps]) for steps in sorted(rates.keys() & errors.keys())]
    timesteps = model.diffusion.timesteps
    label = f"this study: {model.dataset} test images, T = {timesteps}{divergence(status_of(path))}"
    return rate_distortion_figure(read_frame(path), points, timesteps, label, heading)


def rate_distortion_figure(
    curve: pd.DataFrame,
    published: Sequence[tuple[int, float, float]],
    timesteps: int,
    label: str,
    heading: str,
) -> Figure:
    """Three panels: distortion and rate against the reverse steps T - t, distortion against rate.

    The paper's points stand at the same share of its T = 1000 steps, with its steps on an axis of
    their own at the top where this study's T differs.

    Args:
        curve: columns reverse_steps (T - t + 1), rate (bits/dim), rmse (grey levels); rows that are not
            finite, as a diverged model's, are left out.
        published: (reverse steps T - t + 1, rate, RMSE) of the paper's Table 4.
        timesteps: T.
        label: name of the curve in the legend.
        heading: the heading.
    """
    figure = chart(PAGE_WIDTH, 2.75, heading)
    left, centre, right = (figure.add_subplot(1, 3, panel) for panel in (1, 2, 3))
    values = curve.sort_values("reverse_steps")[["reverse_steps", "rate", "rmse"]].to_numpy(dtype=float)
    steps, rate, rmse = values[np.isfinite(values).all(axis=1)].T
    paper_steps, paper_rate, paper_rmse = np.array(published, dtype=float).reshape(-1, 3).T
    share = (paper_steps - 1) * timesteps / _PAPER_T
    for axes, x, y, paper_x, paper_y in (
        (left, steps - 1, rmse, share, paper_rmse),
        (centre, steps - 1, rate, share, paper_rate),
        (right, rate, rmse, paper_rate, paper_rmse),
    ):
        axes.plot(x, y, label=label, **OURS)
        axes.plot(paper_x, paper_y, label=_PAPER_LABEL, clip_on=False, zorder=3, **PAPER)
        axes.set_ylim(bottom=0)
    left.set_ylabel(_RMSE)
    centre.set_ylabel(_RATE)
    right.set(xlabel=_RATE, ylabel=_RMSE)
    right.set_xlim(left=0)
    for axes in (left, centre):
        _label_steps(axes, timesteps)
    figure.legend(
        *left.get_legend_handles_labels(), loc="outside lower center", ncols=2 if len(label) < 60 else 1
    )
    return figure


def _label_steps(axes: Axes, timesteps: int) -> None:
    """Names the horizontal axis, and adds the paper's steps at the top where its T is another."""
    axes.set_xlabel("reverse process steps, $T - t$")
    axes.set_xlim(0, timesteps)
    if timesteps != _PAPER_T:
        ratio = _PAPER_T / timesteps

        def to_paper(steps: Any) -> Any:
            return steps * ratio

        def from_paper(steps: Any) -> Any:
            return steps / ratio

        top = axes.secondary_xaxis("top", functions=(to_paper, from_paper))
        top.set_xlabel(f"the paper's steps, $T = {_PAPER_T}$", color=PAPER["color"], fontsize=SMALL_SIZE)
        top.tick_params(colors=PAPER["color"])


FIGURE = artefact.Figure(
    name="figure5",
    settings=artefact.ModelArtefactSettings,
    inputs=lambda study, settings: {
        "rate_distortion": rate_distortion(study, settings.model),
        "published": [PUBLISHED],
    },
    subject="Rate and distortion",
    paper="distortion and rate over the reverse process, and one against the other, on the CIFAR-10 test "
    "split",
    here="the same three panels for {model} on this study's test split, beside the points of Table 4",
    draw=_draw,
)
