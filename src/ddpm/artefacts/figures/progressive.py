"""Figures 6 and 14, progressive generation: x0-hat in the course of the reverse process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, resolution
from ddpm.artefacts.figures.reading import first_chains
from ddpm.artefacts.figures.style import LABEL_SIZE, PAGE_WIDTH
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import first_shards
from ddpm.study.base import Count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_LABEL_WIDTH = 0.27  # inches that the number under a column may need


class ChainsSettings(artefact.ModelArtefactSettings):
    """Progressive generation: one chain a row, x0-hat over the reverse process along it."""

    rows: Count

    @property
    def shown_samples(self) -> dict[str, int]:
        """One for each row."""
        return {self.model: self.rows}


def _inputs(study: Study, settings: ChainsSettings) -> Inputs:
    return {"samples": first_shards(study, settings.model, settings.rows)}


def _draw(study: Study, settings: ChainsSettings, inputs: Inputs, heading: str) -> Figure:
    """A row for each chain, with the steps taken written under the columns."""
    x0_hat, reverse_steps = first_chains(inputs["samples"], settings.rows)
    columns, rows, _, height, width = x0_hat.shape
    finest = resolution(columns * width, PAGE_WIDTH)
    grid = Grid(rows, columns, height, width, finest.scale, finest.gap)
    page = Page(grid.width, grid.height, finest.dpi, heading, Margins(bottom=0.34))
    images = x0_hat.swapaxes(0, 1).reshape(rows * columns, -1, height, width)
    page.add_image(grid.render(images), 0, 0)
    every = -(-finest.dots(_LABEL_WIDTH) // (grid.cell_width + grid.gap))
    for column in range(columns - 1, -1, -every):
        page.write(grid.middle(column), grid.height + finest.dots(0.09), str(reverse_steps[column]))
    timesteps = study.model(settings.model).diffusion.timesteps
    steps = study.sampling_of(settings.model).reverse_steps(timesteps)
    whole = f"$T = {timesteps}$" if steps == timesteps else f"{steps} in the place of $T = {timesteps}$"
    label = rf"reverse steps taken before $\hat{{\mathbf{{x}}}}_0$ was predicted, of {whole}"
    page.write(grid.width / 2, grid.height + finest.dots(0.26), label, fontsize=LABEL_SIZE)
    return page.figure


def _figure(name: str, paper: str) -> artefact.Figure:
    return artefact.Figure(
        name=name,
        settings=ChainsSettings,
        inputs=_inputs,
        subject="Progressive generation",
        paper=f"progressive generation on CIFAR-10{paper}",
        here="the same for the first {rows} chains of {model}",
        of_images=True,
        draw=_draw,
    )


FIGURE6 = _figure("figure6", ": the prediction x0-hat over the reverse process, left to right")
FIGURE14 = _figure("figure14", ", one chain a row")
