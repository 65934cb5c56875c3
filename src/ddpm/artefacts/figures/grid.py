"""Many small images as one image: cells in rows and columns with thin gaps."""

from __future__ import annotations

import dataclasses

import numpy as np

BACKGROUND = 255
# No grey image has this colour: white gaps would join bright strokes, grey ones would drown in noise.
TINTED_GAP = (105, 150, 190)
SET_APART = 6  # a wide gap, in thin gaps


@dataclasses.dataclass(frozen=True)
class Grid:
    """Where the cells of a grid lie, in pixels of the grid image.

    Attributes:
        rows, columns: cells.
        image_height, image_width: pixels of one small image.
        scale: side of the square block of equal pixels that shows one image pixel. Enlarging by
            whole blocks keeps pixels crisp in every viewer, also in those that smooth images.
        gap: pixels between cells, white between RGB images and tinted between grey ones.
        apart: columns after which the gap is SET_APART times as wide, and always white.
    """

    rows: int
    columns: int
    image_height: int
    image_width: int
    scale: int = 1
    gap: int = 2
    apart: frozenset[int] = frozenset()

    @property
    def cell_width(self) -> int:
        """Pixels across one cell."""
        return self.image_width * self.scale

    @property
    def cell_height(self) -> int:
        """Pixels down one cell."""
        return self.image_height * self.scale

    def left(self, column: int) -> int:
        """Pixels left of a column of cells."""
        wide = sum(1 for before in self.apart if before < column)
        return column * (self.cell_width + self.gap) + wide * self.gap * (SET_APART - 1)

    def top(self, row: int) -> int:
        """Pixels above a row of cells."""
        return row * (self.cell_height + self.gap)

    def middle(self, column: int) -> float:
        """Pixels left of a column's centre line."""
        return self.left(column) + self.cell_width / 2

    @property
    def width(self) -> int:
        """Pixels across the grid; there is no gap around it."""
        return self.left(self.columns - 1) + self.cell_width

    @property
    def height(self) -> int:
        """Pixels down the grid."""
        return self.top(self.rows - 1) + self.cell_height

    def render(self, images: np.ndarray) -> np.ndarray:
        """The grid as one image.

        Args:
            images: uint8 [n, C, H, W] row by row, C being 1 (grey) or 3 (RGB); cells beyond n
                stay white.

        Returns:
            uint8 [height, width, 3].
        """
        canvas = np.full((self.height, self.width, 3), BACKGROUND, dtype=np.uint8)
        if images.shape[1] == 1:
            self._paint_gaps(canvas, len(images))
        for index, image in enumerate(images):
            top, left = self.top(index // self.columns), self.left(index % self.columns)
            canvas[top : top + self.cell_height, left : left + self.cell_width] = enlarged(image, self.scale)
        return canvas

    def _paint_gaps(self, canvas: np.ndarray, count: int) -> None:
        """Makes the thin gaps between the first `count` cells tinted."""
        for index in range(count):
            row, column = divmod(index, self.columns)
            top, left = self.top(row), self.left(column)
            right = column + 1 < self.columns and column not in self.apart and index + 1 < count
            below = row + 1 < self.rows and index + self.columns < count
            bottom_end = top + self.cell_height + (self.gap if below else 0)
            right_end = left + self.cell_width + (self.gap if right else 0)
            canvas[top:bottom_end, left:right_end] = TINTED_GAP


def enlarged(image: np.ndarray, scale: int) -> np.ndarray:
    """uint8 [1 or 3, H, W] as RGB [H * scale, W * scale, 3], every pixel a block of scale x scale."""
    rgb = np.broadcast_to(image, (3, *image.shape[1:])).transpose(1, 2, 0)
    return rgb.repeat(scale, axis=0).repeat(scale, axis=1)
