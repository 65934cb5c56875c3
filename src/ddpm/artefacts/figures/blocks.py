"""Several grids of samples on one page: beside each other in bands, and bands one below the other."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import DPI, Page, Resolution
from ddpm.artefacts.figures.sizes import reduced
from ddpm.artefacts.figures.style import PAGE_WIDTH

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_BETWEEN = 0.05  # inches between grids
# Images of this height or more are made smaller for small cells; lower ones are enlarged for large cells.
_LARGE = 128


@dataclasses.dataclass(frozen=True)
class Block:
    """A grid of images.

    Attributes:
        images: uint8 [rows * columns, C, H, W], row by row.
        rows, columns: of the grid.
        scale: side of the block of dots that shows one pixel.
    """

    images: np.ndarray
    rows: int
    columns: int
    scale: int = 1

    def grid(self, gap: int) -> Grid:
        """Where its cells lie."""
        height, width = self.images.shape[-2:]
        return Grid(self.rows, self.columns, height, width, self.scale, gap)


def in_sizes(images: np.ndarray, parts: Iterable[tuple[int, int, int]]) -> list[Block]:
    """The images dealt out, in order, to grids of smaller and smaller cells.

    Args:
        images: uint8 [n, C, H, W].
        parts: rows, columns, and by which factor, a power of 2, the cells are smaller than the largest.
    """
    parts, height = list(parts), images.shape[-2]
    smallest = max(factor for _, _, factor in parts)
    reduces = height >= _LARGE and height % smallest == 0
    blocks, first = [], 0
    for rows, columns, factor in parts:
        part = images[first : first + rows * columns]
        first += rows * columns
        if reduces:
            blocks.append(Block(reduced(part, factor), rows, columns))
        else:
            blocks.append(Block(part, rows, columns, smallest // factor))
    return blocks


def draw_blocks(bands: Sequence[Sequence[Block]], heading: str) -> Figure:
    """The grids of each band beside each other, small ones enlarged to the height of the tallest.

    Args:
        bands: the grids of each band, the uppermost band first.
        heading: the heading.
    """
    bands = [_as_tall(band) for band in bands]
    across = max(sum(block.grid(0).width for block in band) for band in bands)
    dpi = max(DPI, math.ceil(across / PAGE_WIDTH))
    page_at = Resolution(dpi, 1)
    between = page_at.dots(_BETWEEN)
    grids = [[block.grid(page_at.gap) for block in band] for band in bands]
    widths = [sum(grid.width + between for grid in of_band) - between for of_band in grids]
    placed, top, width = [], 0, max(widths)
    for band, of_band, across in zip(bands, grids, widths, strict=True):
        # Gaps make grids of smaller cells a little larger: all are centred.
        left, height = (width - across) // 2, max(grid.height for grid in of_band)
        for block, grid in zip(band, of_band, strict=True):
            placed.append((block, grid, left, top + (height - grid.height) // 2))
            left += grid.width + between
        top += height + between
    page = Page(width, top - between, dpi, heading)
    for block, grid, left, upper in placed:
        page.add_image(grid.render(block.images), left, upper)
    return page.figure


def _as_tall(band: Sequence[Block]) -> list[Block]:
    tallest = max(block.grid(0).height for block in band)
    return [
        dataclasses.replace(block, scale=block.scale * (tallest // block.grid(0).height)) for block in band
    ]
