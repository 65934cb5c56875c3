"""Figure 10: IS and FID of x0-hat in the course of the reverse process, beside the paper's."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.style import OURS, PAGE_WIDTH, PAPER, chart
from ddpm.artefacts.published import read_published
from ddpm.measurements import read_measurements
from ddpm.status import has_diverged
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

METRICS = {"IS": "inception score", "FID": "FID against train"}
PAPER_LABEL = "paper: CIFAR-10, Inception features (read off its figure)"
PAPER_TIMESTEPS = 1000
STEPS = r"reverse steps taken before $\hat{\mathbf{x}}_0$ was predicted"


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


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from progressive measurements and the published points."""
    assert study.artefacts.figure10 is not None
    model = study.artefacts.figure10.model
    rows = read_measurements(inputs["rows"])
    published = read_published(inputs["published"][0])
    ours = {metric: _measured(rows, metric) for metric in METRICS}
    papers = {metric: _published(published.curve("figure10", metric)) for metric in METRICS}
    label = f"this study: {study.model(model).dataset}, {study.quality.features.kind} features{_remark(rows)}"
    title = wording.heading(study, "Sample quality over the reverse process", model)
    return quality_figure(ours, papers, label, title, overlaid=_same_scale(study, model))


def quality_figure(
    ours: dict[str, Course],
    papers: dict[str, Course],
    label: str,
    title: str,
    overlaid: bool = False,
) -> Figure:
    """IS at the left, FID at the right.

    Scores on other data with other features have another scale, so that the paper's stand in panels
    of their own below ours, unless `overlaid` or ours have no values.

    Args:
        ours: IS and FID of this study.
        papers: IS and FID of the paper.
        label: what ours were measured on.
        title: the heading.
        overlaid: draw both in the same panels.
    """
    overlaid = overlaid or not any(len(course.steps) for course in ours.values())
    figure = chart(PAGE_WIDTH, 2.7 if overlaid else 4.3, title)
    rows = 1 if overlaid else 2
    grid = np.array(
        [[figure.add_subplot(rows, 2, 2 * row + column + 1) for column in (0, 1)] for row in range(rows)]
    )
    for column, (metric, name) in enumerate(METRICS.items()):
        upper, lower = grid[0, column], grid[-1, column]
        _plot(upper, ours[metric], label, {**OURS, "marker": "s", "markersize": 3})
        _plot(lower, papers[metric], PAPER_LABEL, {**PAPER, "linestyle": "-", "linewidth": 0.8})
        for axes in grid[:, column]:
            axes.set(xlabel=STEPS, ylabel=name)
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
    status = next((text for text in rows["status"].dropna() if has_diverged(text)), "trained")
    images = rows["n"].max()
    count = "" if pd.isna(images) or not images else f", {images:,} samples"
    return count + wording.divergence(status)


def _published(curve: Sequence[tuple[int, float]]) -> Course:
    steps, scores = np.array(curve, dtype=float).reshape(-1, 2).T
    return Course(steps, scores, np.array([]))


def _same_scale(study: Study, model: str) -> bool:
    """True if the study measures as the paper does: on CIFAR-10 with Inception's features, over T = 1000."""
    source: str = study.datasets[study.model(model).dataset].source
    features: str = study.quality.features.kind
    timesteps = study.model(model).diffusion.timesteps
    return source == "cifar10" and features == "inception" and timesteps == PAPER_TIMESTEPS
