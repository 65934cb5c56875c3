"""Interpolation between two real images in latent space: rows of images (figures 8 and 9)."""

from __future__ import annotations

import dataclasses

import numpy as np

from ddpm.artefacts.figures.image_grid import Grid
from ddpm.artefacts.figures.page import Page, Resolution
from ddpm.artefacts.figures.reading import read_images
from ddpm.traced_files import read_arrays

HEADER = 0.33  # inches above the grid for the column labels


@dataclasses.dataclass(frozen=True)
class Interpolations:
    """Interpolations of P pairs at K step counts and L mixing weights lambda.

    Attributes:
        steps: int64 [K], diffusion steps before mixing.
        lambdas: float64 [L] from 0 to 1; at both ends stand the reconstructions.
        sources: uint8 [P, 2, C, H, W].
        images: uint8 [P, K, L, C, H, W].
    """

    steps: np.ndarray
    lambdas: np.ndarray
    sources: np.ndarray
    images: np.ndarray

    @property
    def columns(self) -> int:
        """Columns of the figure: source, one for each lambda, source."""
        return len(self.lambdas) + 2

    @property
    def rows(self) -> np.ndarray:
        """uint8 [P * K, columns, C, H, W], one row of the figure for each pair and step count."""
        pairs, counts, _, *image = self.images.shape
        source = np.broadcast_to(self.sources[:, None], (pairs, counts, 2, *image))
        whole = np.concatenate([source[:, :, :1], self.images, source[:, :, 1:]], axis=2)
        return whole.reshape(pairs * counts, self.columns, *image)


def read(path: str) -> Interpolations:
    """The interpolations in a file of chains.

    Raises:
        DataError: the file is missing, damaged, lacks an array, or has one of another shape.
    """
    arrays = read_arrays(path, "steps", "lambdas")
    images = read_images(path, sources=5, interpolations=6)
    return Interpolations(arrays["steps"], arrays["lambdas"], images["sources"], images["interpolations"])


def layout_of(interpolations: Interpolations, finest: Resolution) -> Grid:
    """The grid of the rows, with both sources set apart from the model's images."""
    rows, columns, _, height, width = interpolations.rows.shape
    return Grid(rows, columns, height, width, finest.scale, finest.gap, frozenset({0, columns - 2}))


def place(
    page: Page, interpolations: Interpolations, grid: Grid, finest: Resolution, left: int, top: int
) -> None:
    """Puts the rows on a page, with labels above their columns; `left` and `top` are in dots."""
    rows = interpolations.rows
    page.add_image(grid.render(rows.reshape(-1, *rows.shape[2:])), left, top)
    inner = [f"{value:.2g}" for value in interpolations.lambdas[1:-1]]
    for column, label in enumerate(["source", "rec.", *inner, "rec.", "source"]):
        page.write(left + grid.middle(column), top - finest.dots(0.08), label)
    if inner:
        first, last = left + grid.left(2), left + grid.left(grid.columns - 3) + grid.cell_width
        page.write((first + last) / 2, top - finest.dots(0.24), r"interpolation weight $\lambda$")
        page.rule(first, last, top - finest.dots(0.165))
