"""Figure 10: IS and FID of x0-hat in the course of the reverse process, beside the paper's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.reading import divergence
from ddpm.artefacts.figures.style import OURS, PAGE_WIDTH, PAPER, chart
from ddpm.artefacts.published import read_published
from ddpm.graph import layout
from ddpm.graph.dependencies import PUBLISHED, Inputs
from ddpm.graph.run_files import fill, first_run
from ddpm.records.status import has_failed

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_METRICS = {"IS": "inception score", "FID": "FID against train"}
_PAPER_LABEL = "paper: CIFAR-10, Inception features (read off its figure)"
_PAPER_TIMESTEPS = 1000
_STEPS = r"reverse steps taken before $\hat{\mathbf{x}}_0$ was predicted"


@dataclasses.dataclass(frozen=True)
class Course:
    """One metric in the course of the reverse process.

    Attributes:
        steps: reverse steps taken, [n].
        scores: the metric, [n].
        spread: its standard deviation, [n]; NaN or empty where there is none.
    """

    steps: np.ndarray
    scores: np.ndarray
    spread: np.ndarray


def _inputs(study: Study, settings: artefact.ModelArtefactSettings) -> Inputs:
    run = {**first_run(study, settings.model), "sampling": study.sampling_seeds(settings.model)[0]}
    return {"rows": [fill(layout.PROGRESSIVE_ROWS, study, **run)], "published": [PUBLISHED]}


def _draw(study: Study, settings: artefact.ModelArtefactSettings, inputs: Inputs, heading: str) -> Figure:
    from ddpm.records.measurements import read_measurements

    rows, published = read_measurements(inputs["rows"]), read_published(inputs["published"][0])
    ours = {metric: _measured(rows, metric) for metric in _METRICS}
    papers = {metric: _published(published.curve("figure10", metric)) for metric in _METRICS}
    model, features = study.model(settings.model), study.quality.features.kind
    label = f"this study: {model.dataset}, {features} features{_remark(rows)}"
    # On other data, with other features or in another number of steps the scores have another scale.
    data = study.datasets[model.dataset].source
    steps = study.sampling_of(settings.model).reverse_steps(model.diffusion.timesteps)
    overlaid = (data, features, steps) == ("cifar10", "inception", _PAPER_TIMESTEPS)
    return quality_figure(ours, papers, label, heading, overlaid)


def quality_figure(
    ours: dict[str, Course], papers: dict[str, Course], label: str, heading: str, overlaid: bool = False
) -> Figure:
    """IS at the left, FID at the right.

    Scores on other data with other features have another scale, so that the paper's stand in panels
    of their own below ours, unless `overlaid` or ours have no values.

    Args:
        ours: IS and FID of this study.
        papers: IS and FID of the paper.
        label: what ours were measured on.
        heading: the heading.
        overlaid: draw both in the same panels.
    """
    overlaid = overlaid or not any(len(course.steps) for course in ours.values())
    figure = chart(PAGE_WIDTH, 2.7 if overlaid else 4.3, heading)
    grid = figure.subplots(1 if overlaid else 2, 2, squeeze=False)
    for column, (metric, name) in enumerate(_METRICS.items()):
        upper, lower = grid[0, column], grid[-1, column]
        _plot(upper, ours[metric], label, {**OURS, "marker": "s", "markersize": 3})
        _plot(lower, papers[metric], _PAPER_LABEL, {**PAPER, "linestyle": "-", "linewidth": 0.8})
        for axes in grid[:, column]:
            axes.set(xlabel=_STEPS, ylabel=name)
            axes.set_xlim(left=0)
            axes.set_ylim(bottom=0)
    handles = {
        text: handle
        for axes in grid[:, 0]
        for handle, text in zip(*axes.get_legend_handles_labels(), strict=True)
    }
    figure.legend(
        list(handles.values()), list(handles), loc="outside lower center", ncols=2 if len(label) < 70 else 1
    )
    return figure


def _plot(axes: Axes, course: Course, label: str, look: dict[str, object]) -> None:
    axes.plot(course.steps, course.scores, label=label, **look)  # type: ignore[arg-type]
    if np.isfinite(course.spread).any():
        low, high = course.scores - course.spread, course.scores + course.spread
        axes.fill_between(course.steps, low, high, color=str(look["color"]), alpha=0.2, linewidth=0)


def _measured(rows: pd.DataFrame, metric: str) -> Course:
    chosen = rows[(rows["metric"] == metric) & rows["reverse_steps"].notna() & rows["value"].notna()]
    if metric == "FID":
        chosen = chosen[chosen["split"] == "train"]
    chosen = chosen.sort_values("reverse_steps")
    return Course(*(chosen[name].to_numpy(dtype=float) for name in ("reverse_steps", "value", "spread")))


def _remark(rows: pd.DataFrame) -> str:
    """How many samples were measured, or why none were."""
    status = next((text for text in rows["status"].dropna() if has_failed(text)), "trained")
    images = int(rows["n"].fillna(0).max()) if len(rows) else 0
    return (f", {images:,} samples" if images else "") + divergence(status)


def _published(curve: Sequence[tuple[int, float]]) -> Course:
    steps, scores = np.array(curve, dtype=float).reshape(-1, 2).T
    return Course(steps, scores, np.array([]))


FIGURE = artefact.Figure(
    name="figure10",
    settings=artefact.ModelArtefactSettings,
    inputs=_inputs,
    subject="Sample quality over the reverse process",
    paper="Inception score and FID of the prediction x0-hat over the reverse process on CIFAR-10",
    here="the same for {model}, by this study's features, beside the paper's points as read off its figure",
    draw=_draw,
)
