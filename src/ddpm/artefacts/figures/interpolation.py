"""Figures 8 and 9: interpolation between two images of the data in latent space."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, Resolution, resolution
from ddpm.artefacts.figures.reading import read_images
from ddpm.artefacts.figures.schematic import draw_schematic
from ddpm.artefacts.figures.sizes import fitted
from ddpm.artefacts.figures.style import PAGE_WIDTH
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import fill
from ddpm.study.base import EachOnce

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_HEADER = 0.33  # inches above the grid for the column labels
_SCHEMATIC, _BETWEEN = (1.55, 1.45), 0.2  # inches, of figure 8
_STEP_LABELS = 0.5  # inches left of the grid of figure 9 for the numbers of steps


class InterpolationSettings(artefact.ModelArtefactSettings):
    """Figures 8 and 9: interpolation between images of the data diffused for some steps."""

    pairs: Annotated[list[Annotated[list[artefact.Step], Field(min_length=2, max_length=2)]], EachOnce] = (
        Field(min_length=1, description="Pairs of indices of images of the split.")
    )
    steps: Annotated[list[artefact.Step], EachOnce] = Field(
        min_length=1, description="Diffusion steps before mixing; 0 mixes pixels."
    )
    split: Literal["train", "test"] = Field("test", description="Of the data, for the pairs.")
    share_noise: bool = Field(
        True,
        description="Diffuse the sources with the same noise for each number of steps (paper: not said).",
    )

    @property
    def shown_images(self) -> list[tuple[str, str, int]]:
        """The images up to the largest index."""
        return [("pairs", self.split, 1 + max(max(pair) for pair in self.pairs))]


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

    def grid(self, width: float) -> tuple[Grid, Resolution]:
        """The grid of the rows in a width in inches, with both sources set apart from the model's images."""
        rows, columns, _, height, pixels = self.rows.shape
        finest = resolution(columns * pixels, width)
        apart = frozenset({0, columns - 2})
        return Grid(rows, columns, height, pixels, finest.scale, finest.gap, apart), finest


def _draw_figure8(study: Study, settings: InterpolationSettings, inputs: Inputs, heading: str) -> Figure:
    """The schematic at the left, a row for each pair at the right."""
    found = _read(inputs["chains"][0])
    grid, finest = found.grid(PAGE_WIDTH - _SCHEMATIC[0] - _BETWEEN - 0.15)
    across, down = finest.dots(_SCHEMATIC[0]), finest.dots(_SCHEMATIC[1])
    left, top = finest.dots(_SCHEMATIC[0] + _BETWEEN), finest.dots(_HEADER)
    height = max(top + grid.height, down)
    page = Page(left + grid.width, height, finest.dpi, heading, Margins(top=0.02))
    draw_schematic(page.add_axes(0, (height - down) / 2, across, down))
    _place(page, found, grid, finest, left, top + (height - top - grid.height) // 2)
    return page.figure


def _draw_figure9(study: Study, settings: InterpolationSettings, inputs: Inputs, heading: str) -> Figure:
    """A row for each number of diffusion steps, which stands before it."""
    found = _read(inputs["chains"][0])
    grid, finest = found.grid(PAGE_WIDTH - _STEP_LABELS - 0.2)
    page = Page(grid.width, grid.height, finest.dpi, heading, Margins(left=_STEP_LABELS, top=_HEADER))
    _place(page, found, grid, finest, 0, 0)
    edge = -finest.dots(0.08)
    page.write(edge, -finest.dots(0.16), "diffusion\nsteps", ha="right")
    for row, steps in enumerate(np.tile(found.steps, len(found.sources))):
        page.write(edge, grid.top(row) + grid.cell_height / 2, str(steps), ha="right")
    return page.figure


def _read(path: str) -> Interpolations:
    from ddpm.records.traced_files import read_arrays

    arrays = read_arrays(path, "steps", "lambdas")
    images = read_images(path, sources=5, interpolations=6)
    columns = len(arrays["lambdas"]) + 2
    sources, interpolations = (fitted(images[name], columns) for name in ("sources", "interpolations"))
    return Interpolations(arrays["steps"], arrays["lambdas"], sources, interpolations)


def _place(page: Page, found: Interpolations, grid: Grid, finest: Resolution, left: int, top: int) -> None:
    """Puts the rows on a page, with labels above their columns; `left` and `top` are in dots."""
    rows = found.rows
    page.add_image(grid.render(rows.reshape(-1, *rows.shape[2:])), left, top)
    inner = [f"{value:.2g}" for value in found.lambdas[1:-1]]
    for column, label in enumerate(["source", "rec.", *inner, "rec.", "source"]):
        page.write(left + grid.middle(column), top - finest.dots(0.08), label)
    if inner:
        first, last = left + grid.left(2), left + grid.left(grid.columns - 3) + grid.cell_width
        page.write((first + last) / 2, top - finest.dots(0.24), r"interpolation weight $\lambda$")
        page.rule(first, last, top - finest.dots(0.165))


FIGURE8 = artefact.Figure(
    name="figure8",
    settings=InterpolationSettings,
    inputs=lambda study, settings: {"chains": [fill(layout.CHAINS, study, figure="figure8")]},
    subject="Interpolation after {steps} diffusion steps",
    paper="interpolations of CelebA-HQ 256x256 images after 500 steps of diffusion",
    here="interpolations of {split} images with {model} after {steps} steps of diffusion",
    of_images=True,
    draw=_draw_figure8,
)
FIGURE9 = artefact.Figure(
    name="figure9",
    settings=InterpolationSettings,
    inputs=lambda study, settings: {"chains": [fill(layout.CHAINS, study, figure="figure9")]},
    subject="Coarse-to-fine interpolation",
    paper="coarse to fine interpolations of one pair of CelebA-HQ 256x256 images, over the number of "
    "diffusion steps",
    here="the same for {split} images with {model}, after {steps} steps",
    of_images=True,
    draw=_draw_figure9,
)
