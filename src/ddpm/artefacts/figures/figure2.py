"""Figure 2: the directed graphical model, with one chain of a trained model above it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import enlarged
from ddpm.artefacts.figures.page import Page, resolution
from ddpm.artefacts.figures.reading import read_images, status_of
from ddpm.artefacts.figures.style import FAINT, INK, SMALL_SIZE
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import fill
from ddpm.records.status import is_evaluated
from ddpm.study.base import Count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_WIDTH, _ROW = 6.3, 1.2  # inches: the whole, and the graph below the thumbnails
_THUMBNAIL = 0.8  # inches
_RADIUS = 0.2  # inches
_NODES = {"x_T": 0.45, "x_t": 2.55, "x_t_minus_1": 4.0, "x_0": 5.85}  # inches from the left
_LABELS = {"x_T": "T", "x_t": "t", "x_t_minus_1": "t-1", "x_0": "0"}
_ARROW = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.0, "mutation_scale": 9}


class TrajectorySettings(artefact.ModelArtefactSettings):
    """Figure 2: the graphical model with thumbnails of one chain at x_T, x_t, x_{t-1}, x_0."""

    t: Count = Field(description="The t of x_t, in 1..T.")


def _draw(study: Study, settings: TrajectorySettings, inputs: Inputs, heading: str) -> Figure:
    """The graphical model below one chain; without thumbnails if the model diverged."""
    from ddpm.records.traced_files import read_arrays

    [path] = inputs["chains"]
    status = status_of(path)
    if not is_evaluated(status):
        return _model_figure({}, f"Nothing to show: the training of this model {status}.", heading)
    thumbnails = read_images(path, **dict.fromkeys(_NODES, 3))
    t = int(read_arrays(path, "t")["t"])
    timesteps = study.model(settings.model).diffusion.timesteps
    note = f"above: one chain of the model, clipped for display; here T = {timesteps} and t = {t}"
    return _model_figure(thumbnails, note, heading)


def _model_figure(thumbnails: dict[str, np.ndarray], note: str, heading: str) -> Figure:
    """The graphical model below thumbnails, uint8 [C, H, W] for each of _NODES or none, above a note."""
    from matplotlib.patches import Rectangle

    finest = resolution(max((image.shape[-1] for image in thumbnails.values()), default=1), _THUMBNAIL)
    above = finest.dots(_THUMBNAIL + 0.08) if thumbnails else 0
    page = Page(finest.dots(_WIDTH), above + finest.dots(_ROW), finest.dpi, heading)
    for name, image in thumbnails.items():
        shown = enlarged(image, finest.scale)
        left = round(finest.dots(_NODES[name]) - shown.shape[1] / 2)
        axes = page.add_image(shown, left, above - finest.dots(0.08) - shown.shape[0])
        axes.add_patch(Rectangle((0, 0), *shown.shape[1::-1], fill=False, linewidth=1.0, clip_on=False))
    axes = page.add_axes(0, above, finest.dots(_WIDTH), finest.dots(_ROW))
    axes.set(xlim=(0, _WIDTH), ylim=(0, _ROW))
    axes.set_axis_off()
    _draw_graph(axes, _ROW - _RADIUS - 0.12)
    axes.text(_WIDTH / 2, 0.04, note, ha="center", va="bottom", fontsize=SMALL_SIZE, parse_math=False)
    return page.figure


def _draw_graph(axes: Axes, height: float) -> None:
    from matplotlib.patches import Circle

    for name, x in _NODES.items():
        axes.add_patch(Circle((x, height), _RADIUS, facecolor="#F2F2F2", edgecolor=INK, linewidth=0.9))
        axes.text(
            x, height - 0.01, rf"$\mathbf{{x}}_{{{_LABELS[name]}}}$", ha="center", va="center", fontsize=11
        )
    for start, end in (("x_T", "x_t"), ("x_t_minus_1", "x_0")):
        _draw_gap(axes, _NODES[start], _NODES[end], height)
    left, right = _NODES["x_t"], _NODES["x_t_minus_1"]
    _arrow(axes, (left + _RADIUS, height), (right - _RADIUS, height))
    middle = (left + right) / 2
    p = r"$p_\theta(\mathbf{x}_{t-1}\,|\,\mathbf{x}_t)$"
    axes.text(middle, height + 0.07, p, ha="center", va="bottom", fontsize=10)
    below = height - _RADIUS
    _arrow(
        axes, (right - 0.08, below), (left + 0.08, below), linestyle="--", connectionstyle="arc3,rad=-0.28"
    )
    q = r"$q(\mathbf{x}_t\,|\,\mathbf{x}_{t-1})$"
    axes.text(middle, below - 0.24, q, ha="center", va="top", fontsize=10)


def _draw_gap(axes: Axes, start: float, end: float, height: float) -> None:
    """The steps between two nodes that are not drawn."""
    middle = (start + end) / 2
    _arrow(axes, (start + _RADIUS, height), (middle - 0.18, height))
    axes.text(middle, height, r"$\cdots$", ha="center", va="center", fontsize=13, color=FAINT)
    _arrow(axes, (middle + 0.18, height), (end - _RADIUS, height))


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], **style: str) -> None:
    axes.annotate("", end, start, arrowprops={**_ARROW, "shrinkA": 0, "shrinkB": 0, **style})


FIGURE = artefact.Figure(
    name="figure2",
    settings=TrajectorySettings,
    inputs=lambda study, settings: {"chains": [fill(layout.CHAINS, study, figure="figure2")]},
    subject="The reverse and the forward process",
    paper="the graphical model, with CelebA-HQ 256x256 images at its nodes",
    here="the graphical model, with x_T, x_t, x_t-1 and x_0 of one chain of {model}, t = {t}",
    draw=_draw,
)
