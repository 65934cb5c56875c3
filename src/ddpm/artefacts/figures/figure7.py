"""Figure 7: samples that share a latent x_t, one panel for each t."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.image_grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, Resolution, resolution
from ddpm.artefacts.figures.reading import read_images, status_of
from ddpm.artefacts.figures.style import LABEL_SIZE, PAGE_WIDTH, VERMILION
from ddpm.status import is_evaluated
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study
from ddpm.traced_files import read_arrays

BETWEEN = 0.14  # inches between panels


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from chains that part at each t."""
    assert study.artefacts.figure7 is not None
    path = inputs["chains"][0]
    title = wording.heading(study, "Samples that share a latent", study.artefacts.figure7.model)
    status = status_of(path)
    if not is_evaluated(status):
        return wording.empty_figure(title, status)
    images = read_images(path, latents=4, samples=5)
    return shared_latents_figure(read_arrays(path, "t")["t"], images["latents"], images["samples"], title)


def shared_latents_figure(t: np.ndarray, latents: np.ndarray, samples: np.ndarray, title: str) -> Figure:
    """A panel for each t: its samples, and at the bottom right x_t itself, framed.

    Args:
        t: int64 [P].
        latents: uint8 [P, C, H, W], x_t clipped for display.
        samples: uint8 [P, S, C, H, W].
        title: the heading.
    """
    panels, count, _, height, width = samples.shape
    columns = int(np.ceil(np.sqrt(count + 1)))
    rows = -(-(count + 1) // columns)
    finest = resolution(panels * columns * width, PAGE_WIDTH - (panels - 1) * BETWEEN)
    grid = Grid(rows, columns, height, width, finest.scale, finest.gap)
    pitch = grid.width + finest.dots(BETWEEN)
    page = Page(
        pitch * panels - finest.dots(BETWEEN), grid.height, finest.dpi, title, Margins(top=0.18, bottom=0.2)
    )
    for panel in range(panels):
        axes = page.add_image(_panel(grid, samples[panel], latents[panel]), panel * pitch, 0)
        _frame(axes, grid, finest)
        label = rf"share $\mathbf{{x}}_{{{t[panel]}}}$"
        page.write(panel * pitch + grid.width / 2, -finest.dots(0.1), label, fontsize=LABEL_SIZE)
    note = r"framed: the shared $\mathbf{x}_t$ itself, clipped for display"
    page.write(0, grid.height + finest.dots(0.12), note, ha="left")
    return page.figure


def _panel(grid: Grid, samples: np.ndarray, latent: np.ndarray) -> np.ndarray:
    """The samples row by row, white cells where they do not fill the grid, and the latent last."""
    cells = np.full((grid.rows * grid.columns, *latent.shape), 255, dtype=np.uint8)
    cells[: len(samples)] = samples
    cells[-1] = latent
    return grid.render(cells)


def _frame(axes: Axes, grid: Grid, finest: Resolution) -> None:
    """A thin frame inside the bottom right cell."""
    line = finest.dots(1.0 / 72)
    corner = (grid.left(grid.columns - 1) + line / 2, grid.top(grid.rows - 1) + line / 2)
    size = (grid.cell_width - line, grid.cell_height - line)
    axes.add_patch(
        Rectangle(corner, *size, fill=False, edgecolor=VERMILION, linewidth=line * 72 / finest.dpi)
    )
