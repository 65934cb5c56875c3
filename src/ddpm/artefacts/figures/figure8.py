"""Figure 8: interpolation in latent space, as a schematic and between pairs of test images."""

from __future__ import annotations

from matplotlib.figure import Figure

from ddpm.artefacts.figures import interpolation, wording
from ddpm.artefacts.figures.interpolation import HEADER, Interpolations
from ddpm.artefacts.figures.page import Margins, Page, resolution
from ddpm.artefacts.figures.reading import status_of
from ddpm.artefacts.figures.schematic import draw_schematic
from ddpm.artefacts.figures.style import PAGE_WIDTH
from ddpm.status import is_evaluated
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

SCHEMATIC = (1.55, 1.45)  # inches
BETWEEN = 0.2  # inches


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from interpolations of several pairs."""
    assert study.artefacts.figure8 is not None
    path = inputs["chains"][0]
    settings = study.artefacts.figure8
    steps = ", ".join(map(str, settings.steps))
    title = wording.heading(study, f"Interpolation after {steps} diffusion steps", settings.model)
    status = status_of(path)
    if not is_evaluated(status):
        return wording.empty_figure(title, status)
    return pairs_figure(interpolation.read(path), title)


def pairs_figure(interpolations: Interpolations, title: str) -> Figure:
    """The schematic at the left, the rows of interpolations at the right."""
    room = PAGE_WIDTH - SCHEMATIC[0] - BETWEEN
    finest = resolution(interpolations.columns * interpolations.images.shape[-1], room - 0.15)
    grid = interpolation.layout_of(interpolations, finest)
    left, top = finest.dots(SCHEMATIC[0] + BETWEEN), finest.dots(HEADER)
    height = max(top + grid.height, finest.dots(SCHEMATIC[1]))
    page = Page(left + grid.width, height, finest.dpi, title, Margins(top=0.02))
    across, down = finest.dots(SCHEMATIC[0]), finest.dots(SCHEMATIC[1])
    draw_schematic(page.add_axes(0, (height - down) / 2, across, down))
    interpolation.place(page, interpolations, grid, finest, left, top + (height - top - grid.height) // 2)
    return page.figure
