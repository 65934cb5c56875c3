"""Uncurated samples in a grid (figures 1 and 13)."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.image_grid import Grid
from ddpm.artefacts.figures.page import Page, resolution
from ddpm.artefacts.figures.reading import first_samples, status_of
from ddpm.artefacts.figures.style import PAGE_WIDTH
from ddpm.status import is_evaluated
from ddpm.study.artefacts import GridSettings
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

WIDEST_CELL = 0.42  # inches for small images, so that few columns do not fill a page


def draw(study: Study, inputs: Inputs, settings: GridSettings) -> Figure:
    """The first rows x columns samples of the artefact's model."""
    title = wording.heading(study, "Samples", settings.model)
    status = status_of(inputs["samples"][0])
    if not is_evaluated(status):
        return wording.empty_figure(title, status)
    images = first_samples(inputs["samples"], settings.rows * settings.columns)
    return grid_figure(images, settings.rows, settings.columns, title)


def grid_figure(images: np.ndarray, rows: int, columns: int, title: str) -> Figure:
    """A page with one grid.

    Args:
        images: uint8 [rows * columns, C, H, W].
        rows: cells down.
        columns: cells across.
        title: the heading.
    """
    height, width = images.shape[2:]
    finest = resolution(columns * width, min(PAGE_WIDTH, columns * max(WIDEST_CELL, width / 100)))
    grid = Grid(rows, columns, height, width, finest.scale, finest.gap)
    page = Page(grid.width, grid.height, finest.dpi, title)
    page.add_image(grid.render(images), 0, 0)
    return page.figure
