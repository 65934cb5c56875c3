"""Figure 7: samples that share a latent x_t, one panel for each t."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, Resolution, resolution
from ddpm.artefacts.figures.reading import read_images
from ddpm.artefacts.figures.sizes import fitting_factor, reduced
from ddpm.artefacts.figures.style import LABEL_SIZE, PAGE_WIDTH, VERMILION
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import fill
from ddpm.study.base import Count, EachOnce

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_BETWEEN = 0.14  # inches between panels


class SharedLatentsSettings(artefact.ModelArtefactSettings):
    """Figure 7: samples that share x_t, one panel for each t (0 is the finished sample)."""

    t: Annotated[list[artefact.Step], EachOnce] = Field(min_length=1)
    samples: Count = Field(3, description="Samples that share each x_t.")


def _draw(study: Study, settings: SharedLatentsSettings, inputs: Inputs, heading: str) -> Figure:
    from ddpm.records.traced_files import read_arrays

    [path] = inputs["chains"]
    images = read_images(path, latents=4, samples=5)
    return shared_latents_figure(read_arrays(path, "t")["t"], images["latents"], images["samples"], heading)


def shared_latents_figure(t: np.ndarray, latents: np.ndarray, samples: np.ndarray, heading: str) -> Figure:
    """A panel for each t: its samples, and at the bottom right x_t itself, framed.

    Args:
        t: int64 [P].
        latents: uint8 [P, C, H, W], x_t clipped for display.
        samples: uint8 [P, S, C, H, W].
        heading: the heading.
    """
    panels, count, _, height, width = samples.shape
    columns = int(np.ceil(np.sqrt(count + 1)))
    rows = -(-(count + 1) // columns)
    factor = fitting_factor(height, width, panels * columns)
    samples, latents = reduced(samples, factor), reduced(latents, factor)
    height, width = height // factor, width // factor
    finest = resolution(panels * columns * width, PAGE_WIDTH - (panels - 1) * _BETWEEN)
    grid = Grid(rows, columns, height, width, finest.scale, finest.gap)
    pitch = grid.width + finest.dots(_BETWEEN)
    page = Page(
        pitch * panels - finest.dots(_BETWEEN),
        grid.height,
        finest.dpi,
        heading,
        Margins(top=0.18, bottom=0.2),
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
    from matplotlib.patches import Rectangle

    line = finest.dots(1.0 / 72)
    corner = (grid.left(grid.columns - 1) + line / 2, grid.top(grid.rows - 1) + line / 2)
    size = (grid.cell_width - line, grid.cell_height - line)
    axes.add_patch(
        Rectangle(corner, *size, fill=False, edgecolor=VERMILION, linewidth=line * 72 / finest.dpi)
    )


FIGURE = artefact.Figure(
    name="figure7",
    settings=SharedLatentsSettings,
    inputs=lambda study, settings: {"chains": [fill(layout.CHAINS, study, figure="figure7")]},
    subject="Samples that share a latent",
    paper="CelebA-HQ 256x256 samples that share a latent x_t, for t of 1000, 750, 500, 250 and 0",
    here="{samples} samples of {model} that share each x_t, for t of {t}",
    of_images=True,
    draw=_draw,
)
