"""Figures 1 and 13: samples in a grid, uncurated."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import Page, resolution
from ddpm.artefacts.figures.reading import first_samples
from ddpm.artefacts.figures.style import PAGE_WIDTH
from ddpm.graph.dependencies import Inputs, first_shards
from ddpm.study.base import Count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_WIDEST_CELL = 0.42  # inches for small images, so that few columns do not fill a page


class GridSettings(artefact.ModelArtefactSettings):
    """A grid of samples, uncurated: the first rows x columns."""

    rows: Count
    columns: Count

    @property
    def shown_samples(self) -> int:
        """All cells."""
        return self.rows * self.columns


def _inputs(study: Study, settings: GridSettings) -> Inputs:
    return {"samples": first_shards(study, settings.model, settings.shown_samples)}


def _draw(study: Study, settings: GridSettings, inputs: Inputs, heading: str) -> Figure:
    images = first_samples(inputs["samples"], settings.shown_samples)
    height, width = images.shape[2:]
    columns = settings.columns
    finest = resolution(columns * width, min(PAGE_WIDTH, columns * max(_WIDEST_CELL, width / 100)))
    grid = Grid(settings.rows, columns, height, width, finest.scale, finest.gap)
    page = Page(grid.width, grid.height, finest.dpi, heading)
    page.add_image(grid.render(images), 0, 0)
    return page.figure


def _figure(name: str, paper: str) -> artefact.Figure:
    return artefact.Figure(
        name=name,
        settings=GridSettings,
        inputs=_inputs,
        subject="Samples",
        paper=paper,
        here="{rows} x {columns} samples of {model}, the first drawn, not chosen",
        of_images=True,
        draw=_draw,
    )


FIGURE1 = _figure("figure1", "samples of CelebA-HQ 256x256 and of CIFAR-10")
FIGURE13 = _figure("figure13", "20 x 20 CIFAR-10 samples, not chosen")
