"""Progressive generation: x0-hat in the course of the reverse process (figures 6 and 14)."""

from __future__ import annotations

from matplotlib.figure import Figure

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.image_grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, resolution
from ddpm.artefacts.figures.reading import Chains, first_chains, status_of
from ddpm.artefacts.figures.style import LABEL_SIZE, PAGE_WIDTH
from ddpm.status import is_evaluated
from ddpm.study.artefacts import ChainsSettings
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

LABEL_WIDTH = 0.27  # inches that the number under a column may need


def draw(study: Study, inputs: Inputs, settings: ChainsSettings) -> Figure:
    """The first chains of the artefact's model, one a row."""
    title = wording.heading(study, "Progressive generation", settings.model)
    status = status_of(inputs["samples"][0])
    if not is_evaluated(status):
        return wording.empty_figure(title, status)
    chains = first_chains(inputs["samples"], settings.rows)
    return chains_figure(chains, study.model(settings.model).diffusion.timesteps, title)


def chains_figure(chains: Chains, timesteps: int, title: str) -> Figure:
    """A grid with a row for each chain and the steps taken written under its columns.

    Args:
        chains: the predictions.
        timesteps: T.
        title: the heading.
    """
    columns, rows, _, height, width = chains.x0_hat.shape
    finest = resolution(columns * width, PAGE_WIDTH)
    grid = Grid(rows, columns, height, width, finest.scale, finest.gap)
    page = Page(grid.width, grid.height, finest.dpi, title, Margins(bottom=0.34))
    images = chains.x0_hat.swapaxes(0, 1).reshape(rows * columns, -1, height, width)
    page.add_image(grid.render(images), 0, 0)
    every = -(-finest.dots(LABEL_WIDTH) // (grid.cell_width + grid.gap))
    for column in range(columns - 1, -1, -every):
        page.write(grid.middle(column), grid.height + finest.dots(0.09), str(chains.reverse_steps[column]))
    label = rf"reverse steps taken before $\hat{{\mathbf{{x}}}}_0$ was predicted, of $T = {timesteps}$"
    page.write(grid.width / 2, grid.height + finest.dots(0.26), label, fontsize=LABEL_SIZE)
    return page.figure
