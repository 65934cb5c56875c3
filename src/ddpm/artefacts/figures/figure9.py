"""Figure 9: coarse-to-fine interpolation, one row for each number of diffusion steps."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ddpm.artefacts.figures import interpolation, wording
from ddpm.artefacts.figures.interpolation import HEADER, Interpolations
from ddpm.artefacts.figures.page import Margins, Page, resolution
from ddpm.artefacts.figures.reading import status_of
from ddpm.artefacts.figures.style import PAGE_WIDTH
from ddpm.status import is_evaluated
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

LABELS = 0.5  # inches left of the grid for the numbers of steps


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from interpolations at several step counts."""
    assert study.artefacts.figure9 is not None
    path = inputs["chains"][0]
    title = wording.heading(study, "Coarse-to-fine interpolation", study.artefacts.figure9.model)
    status = status_of(path)
    if not is_evaluated(status):
        return wording.empty_figure(title, status)
    return steps_figure(interpolation.read(path), title)


def steps_figure(interpolations: Interpolations, title: str) -> Figure:
    """Rows of interpolations with the number of diffusion steps before each."""
    finest = resolution(interpolations.columns * interpolations.images.shape[-1], PAGE_WIDTH - LABELS - 0.2)
    grid = interpolation.layout_of(interpolations, finest)
    page = Page(grid.width, grid.height, finest.dpi, title, Margins(left=LABELS, top=HEADER))
    interpolation.place(page, interpolations, grid, finest, 0, 0)
    edge = -finest.dots(0.08)
    page.write(edge, -finest.dots(0.16), "diffusion\nsteps", ha="right")
    for row, steps in enumerate(np.tile(interpolations.steps, len(interpolations.sources))):
        page.write(edge, grid.top(row) + grid.cell_height / 2, str(steps), ha="right")
    return page.figure
