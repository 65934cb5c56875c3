"""Figures 1, 11 and 13: samples in a grid, uncurated."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.blocks import Block, draw_blocks
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import Page, resolution
from ddpm.artefacts.figures.reading import first_samples
from ddpm.artefacts.figures.sizes import fitted
from ddpm.artefacts.figures.style import PAGE_WIDTH
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import first_shards
from ddpm.study.base import Count, Settings

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ddpm.study.artefacts import ArtefactSettings
    from ddpm.study.settings import Study

_WIDEST_CELL = 0.42  # inches for small images, so that few columns do not fill a page


class GridSettings(artefact.ModelArtefactSettings):
    """A grid of samples, uncurated: the first rows x columns."""

    rows: Count
    columns: Count

    @property
    def shown_samples(self) -> dict[str, int]:
        """All cells."""
        return {self.model: self.rows * self.columns}


class FacesSettings(Settings):
    """Large samples at the left of figure 1."""

    model: str
    rows: Count = Field(2, description="Rows of large samples, as tall together as the grid beside them.")
    columns: Count = 2

    def __str__(self) -> str:
        """As it stands in the figure's caption."""
        return f"; at the left {self.rows} x {self.columns} of {self.model}"


class Figure1Settings(GridSettings):
    """Figure 1: large samples of one model at the left, a grid of another's at the right."""

    faces: FacesSettings | None = Field(
        None, description="Samples at the left (the paper: CelebA-HQ 256x256); null for the grid alone."
    )

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The grid's, then that at the left."""
        return [self.model] if self.faces is None else [self.model, self.faces.model]

    @property
    def shown_samples(self) -> dict[str, int]:
        """All cells."""
        if self.faces is None:
            return super().shown_samples
        of_faces = {self.faces.model: self.faces.rows * self.faces.columns}
        return super().shown_samples | of_faces


def _inputs(study: Study, settings: GridSettings) -> Inputs:
    shown = settings.shown_samples
    return {"samples": first_shards(study, settings.model, shown[settings.model])}


def _inputs_of_figure1(study: Study, settings: Figure1Settings) -> Inputs:
    inputs = _inputs(study, settings)
    if settings.faces is not None:
        count = settings.shown_samples[settings.faces.model]
        inputs["faces"] = first_shards(study, settings.faces.model, count)
    return inputs


def _draw(study: Study, settings: GridSettings, inputs: Inputs, heading: str) -> Figure:
    images = _samples(settings, inputs)
    height, width = images.shape[2:]
    columns = settings.columns
    finest = resolution(columns * width, min(PAGE_WIDTH, columns * max(_WIDEST_CELL, width / 100)))
    grid = Grid(settings.rows, columns, height, width, finest.scale, finest.gap)
    page = Page(grid.width, grid.height, finest.dpi, heading)
    page.add_image(grid.render(images), 0, 0)
    return page.figure


def _samples(settings: GridSettings, inputs: Inputs) -> np.ndarray:
    images = first_samples(inputs["samples"], settings.shown_samples[settings.model])
    return fitted(images, settings.columns)


def _draw_figure1(study: Study, settings: Figure1Settings, inputs: Inputs, heading: str) -> Figure:
    faces = settings.faces
    if faces is None:
        return _draw(study, settings, inputs, heading)
    left = first_samples(inputs["faces"], settings.shown_samples[faces.model])
    blocks = [
        Block(left, faces.rows, faces.columns),
        Block(_samples(settings, inputs), settings.rows, settings.columns),
    ]
    return draw_blocks([blocks], heading)


FIGURE1 = artefact.Figure(
    name="figure1",
    settings=Figure1Settings,
    inputs=_inputs_of_figure1,
    subject="Samples",
    paper="samples of CelebA-HQ 256x256 and of CIFAR-10",
    here="{rows} x {columns} samples of {model}, the first drawn, not chosen{faces}",
    of_images=True,
    draw=_draw_figure1,
)


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


FIGURE11 = _figure("figure11", "10 x 10 CelebA-HQ 256x256 samples, not chosen")
FIGURE13 = _figure("figure13", "20 x 20 CIFAR-10 samples, not chosen")
