"""Pages of images on which every image pixel covers a whole number of output pixels."""

from __future__ import annotations

import dataclasses
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ddpm.artefacts.figures.style import HEADING_LINE, HEADING_SIZE, INK, SMALL_SIZE, wrapped

if TYPE_CHECKING:
    from matplotlib.axes import Axes

DPI = 200
GAP = 0.015  # inches between cells
NARROWEST = 3.25  # inches, so that a heading has room above a small grid
EDGE = 0.06  # inches around everything


@dataclasses.dataclass(frozen=True)
class Resolution:
    """How finely a page is printed: dots per inch, and dots along the side of an image pixel."""

    dpi: int
    scale: int

    def dots(self, inches: float) -> int:
        """A length in whole dots."""
        return round(inches * self.dpi)

    @property
    def gap(self) -> int:
        """The thin gap of grids, in dots."""
        return max(1, self.dots(GAP))


def resolution(pixels: int, inches: float) -> Resolution:
    """The resolution at which `pixels` side by side take at most about `inches`.

    Small images are enlarged by a whole number; large ones keep every pixel at a higher dpi.
    """
    scale = int(inches * DPI) // pixels
    return Resolution(DPI, scale) if scale else Resolution(math.ceil(pixels / inches), 1)


@dataclasses.dataclass(frozen=True)
class Margins:
    """Space around the content, in inches."""

    left: float = 0.0
    top: float = 0.0
    right: float = 0.0
    bottom: float = 0.0


class Page:
    """A figure addressed in dots from the top left corner of its content, below its heading.

    Args:
        width, height: dots of the content.
        dpi: dots per inch.
        heading: its text, wrapped to the page.
        margins: space for labels around the content.

    Attributes:
        figure: the matplotlib figure.
    """

    def __init__(
        self, width: int, height: int, dpi: int, heading: str, margins: Margins | None = None
    ) -> None:
        from matplotlib.figure import Figure

        margins = margins or Margins()
        needed = width + round((margins.left + margins.right + 2 * EDGE) * dpi)
        self._width = max(needed, round(NARROWEST * dpi))
        lines = wrapped(heading, self._width / dpi - 2 * EDGE)
        above = EDGE + len(lines) * HEADING_SIZE * HEADING_LINE / 72 + 0.05
        self._left = round((EDGE + margins.left) * dpi) + (self._width - needed) // 2
        self._top = round((above + margins.top) * dpi)
        self._height = self._top + height + round((margins.bottom + EDGE) * dpi)
        # The hundredth of a dot keeps floating-point division from losing the last dot.
        size = ((self._width + 0.01) / dpi, (self._height + 0.01) / dpi)
        self.figure = Figure(figsize=size, dpi=dpi)
        self.figure.text(
            EDGE * dpi / self._width, 1 - EDGE * dpi / self._height, "\n".join(lines),
            fontsize=HEADING_SIZE, linespacing=HEADING_LINE, ha="left", va="top", parse_math=False,
        )  # fmt: skip

    def add_axes(self, left: float, top: float, width: float, height: float) -> Axes:
        """Axes over a rectangle of the page, in dots."""
        across, up = self._fraction(left, top + height)
        return self.figure.add_axes((across, up, width / self._width, height / self._height))

    def add_image(self, image: np.ndarray, left: int, top: int) -> Axes:
        """Shows uint8 [height, width, 3], one dot a pixel, and returns its axes (data units: pixels)."""
        height, width = image.shape[:2]
        axes = self.add_axes(left, top, width, height)
        # "none" puts the image into the PDF as it is; anything else would resample it there.
        axes.imshow(image, interpolation="none", extent=(0, width, height, 0), aspect="auto")
        axes.set_axis_off()
        return axes

    def write(self, left: float, top: float, text: str, **style: Any) -> None:
        """Text at a point of the page, in dots; centred on it unless `style` says otherwise."""
        across, up = self._fraction(left, top)
        defaults = {"ha": "center", "va": "center", "fontsize": SMALL_SIZE}
        self.figure.text(across, up, text, **{**defaults, **style})

    def rule(self, left: float, right: float, top: float) -> None:
        """A thin horizontal line, in dots."""
        from matplotlib.lines import Line2D

        start, height = self._fraction(left, top)
        end, _ = self._fraction(right, top)
        line = Line2D(
            [start, end], [height, height], color=INK, linewidth=0.5, transform=self.figure.transFigure
        )
        self.figure.add_artist(line)

    def _fraction(self, left: float, top: float) -> tuple[float, float]:
        """Matplotlib's figure coordinates of a point in dots."""
        return (self._left + left) / self._width, 1 - (self._top + top) / self._height
