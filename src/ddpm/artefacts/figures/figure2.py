"""Figure 2: the directed graphical model, with one chain of a trained model above it."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Circle, Rectangle

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.image_grid import enlarged
from ddpm.artefacts.figures.page import Page, resolution
from ddpm.artefacts.figures.reading import read_images, status_of
from ddpm.artefacts.figures.style import FAINT, INK, SMALL_SIZE
from ddpm.status import is_evaluated
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study
from ddpm.traced_files import read_arrays

WIDTH, ROW = 6.3, 1.2  # inches: the whole, and the graph below the thumbnails
THUMBNAIL = 0.8  # inches
RADIUS = 0.2  # inches
NODES = {"x_T": 0.45, "x_t": 2.55, "x_t_minus_1": 4.0, "x_0": 5.85}  # inches from the left
_LABELS = {"x_T": "T", "x_t": "t", "x_t_minus_1": "t-1", "x_0": "0"}
_ARROW = {"arrowstyle": "-|>", "color": INK, "linewidth": 1.0, "mutation_scale": 9}


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from one chain; without thumbnails if the model diverged."""
    assert study.artefacts.figure2 is not None
    path = inputs["chains"][0]
    title = wording.heading(study, "The reverse and the forward process", study.artefacts.figure2.model)
    status = status_of(path)
    if not is_evaluated(status):
        return model_figure({}, wording.absence(status), title)
    thumbnails = read_images(path, **dict.fromkeys(NODES, 3))
    t = int(read_arrays(path, "t")["t"])
    timesteps = study.model(study.artefacts.figure2.model).diffusion.timesteps
    note = f"above: one chain of the model, clipped for display; here T = {timesteps} and t = {t}"
    return model_figure(thumbnails, note, title)


def model_figure(thumbnails: dict[str, np.ndarray], note: str, title: str) -> Figure:
    """The graphical model.

    Args:
        thumbnails: uint8 [C, H, W] for each of NODES, or nothing.
        note: a line below the graph.
        title: the heading.
    """
    finest = resolution(max((image.shape[-1] for image in thumbnails.values()), default=1), THUMBNAIL)
    above = finest.dots(THUMBNAIL + 0.08) if thumbnails else 0
    page = Page(finest.dots(WIDTH), above + finest.dots(ROW), finest.dpi, title)
    for name, image in thumbnails.items():
        shown = enlarged(image, finest.scale)
        left = round(finest.dots(NODES[name]) - shown.shape[1] / 2)
        axes = page.add_image(shown, left, above - finest.dots(0.08) - shown.shape[0])
        axes.add_patch(Rectangle((0, 0), *shown.shape[1::-1], fill=False, linewidth=1.0, clip_on=False))
    axes = page.add_axes(0, above, finest.dots(WIDTH), finest.dots(ROW))
    axes.set(xlim=(0, WIDTH), ylim=(0, ROW))
    axes.set_axis_off()
    _draw_graph(axes, ROW - RADIUS - 0.12)
    axes.text(WIDTH / 2, 0.04, note, ha="center", va="bottom", fontsize=SMALL_SIZE, parse_math=False)
    return page.figure


def _draw_graph(axes: Axes, height: float) -> None:
    for name, x in NODES.items():
        axes.add_patch(Circle((x, height), RADIUS, facecolor="#F2F2F2", edgecolor=INK, linewidth=0.9))
        axes.text(
            x, height - 0.01, rf"$\mathbf{{x}}_{{{_LABELS[name]}}}$", ha="center", va="center", fontsize=11
        )
    for start, end in (("x_T", "x_t"), ("x_t_minus_1", "x_0")):
        _draw_gap(axes, NODES[start], NODES[end], height)
    left, right = NODES["x_t"], NODES["x_t_minus_1"]
    _arrow(axes, (left + RADIUS, height), (right - RADIUS, height))
    middle = (left + right) / 2
    p = r"$p_\theta(\mathbf{x}_{t-1}\,|\,\mathbf{x}_t)$"
    axes.text(middle, height + 0.07, p, ha="center", va="bottom", fontsize=10)
    below = height - RADIUS
    _arrow(
        axes, (right - 0.08, below), (left + 0.08, below), linestyle="--", connectionstyle="arc3,rad=-0.28"
    )
    q = r"$q(\mathbf{x}_t\,|\,\mathbf{x}_{t-1})$"
    axes.text(middle, below - 0.24, q, ha="center", va="top", fontsize=10)


def _draw_gap(axes: Axes, start: float, end: float, height: float) -> None:
    """The steps between two nodes that are not drawn."""
    middle = (start + end) / 2
    _arrow(axes, (start + RADIUS, height), (middle - 0.18, height))
    axes.text(middle, height, r"$\cdots$", ha="center", va="center", fontsize=13, color=FAINT)
    _arrow(axes, (middle + 0.18, height), (end - RADIUS, height))


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float], **style: str) -> None:
    axes.annotate("", end, start, arrowprops={**_ARROW, "shrinkA": 0, "shrinkB": 0, **style})
