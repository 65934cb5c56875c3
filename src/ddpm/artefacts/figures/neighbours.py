"""Figures 12 and 15: samples and their nearest training images, in pixel space and in feature space."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import numpy as np
from pydantic import Field

from ddpm.artefacts import artefact
from ddpm.artefacts.figures.grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, resolution
from ddpm.artefacts.figures.reading import read_images
from ddpm.artefacts.figures.sizes import fitted
from ddpm.artefacts.figures.style import LABEL_SIZE, PAGE_WIDTH
from ddpm.graph import layout
from ddpm.graph.dependencies import Inputs
from ddpm.graph.run_files import fill
from ddpm.study.base import Count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from ddpm.study.settings import Study

_CAPTION = 0.24  # inches above each panel


class NeighboursSettings(artefact.ModelArtefactSettings):
    """Figures 12 and 15: nearest training images in pixel space and in feature space."""

    samples: Count
    neighbours: Count
    crop: Annotated[list[artefact.Step], Field(min_length=3, max_length=3)] | None = Field(
        None,
        description="Compare by this square alone: top, left, size in pixels; null for whole images. Whole "
        "images are shown in any case.",
    )

    @property
    def shown_samples(self) -> dict[str, int]:
        """One for each row."""
        return {self.model: self.samples}

    @property
    def shown_images(self) -> list[tuple[str, str, int]]:
        """As many training images as there are neighbours of a sample."""
        return [("neighbours", "train", self.neighbours)]


def _draw(study: Study, settings: NeighboursSettings, inputs: Inputs, heading: str) -> Figure:
    """Panels (a) and (b), one below the other: each row a sample, set apart, and its neighbours."""
    arrays = read_images(inputs["neighbours"][0], samples=4, pixel_neighbours=5, feature_neighbours=5)
    columns = 1 + arrays["pixel_neighbours"].shape[1]
    arrays = {name: fitted(images, columns) for name, images in arrays.items()}
    samples = arrays["samples"]
    panels = {"in pixel space": arrays["pixel_neighbours"], "in feature space": arrays["feature_neighbours"]}
    count, channels, height, width = samples.shape
    finest = resolution(columns * width, PAGE_WIDTH - 0.1)
    grid = Grid(count, columns, height, width, finest.scale, finest.gap, frozenset({0}))
    pitch = grid.height + finest.dots(_CAPTION)
    page = Page(grid.width, pitch * len(panels), finest.dpi, heading, Margins(top=0.02))
    for panel, (space, images) in enumerate(panels.items()):
        top = panel * pitch + finest.dots(_CAPTION)
        cells = np.concatenate([samples[:, None], images], axis=1).reshape(-1, channels, height, width)
        page.add_image(grid.render(cells), 0, top)
        caption = f"({'ab'[panel]})  sample, and its nearest training images {space}, nearest first"
        page.write(0, top - finest.dots(0.09), caption, ha="left", fontsize=LABEL_SIZE)
    return page.figure


def _figure(name: str, paper: str) -> artefact.Figure:
    return artefact.Figure(
        name=name,
        settings=NeighboursSettings,
        inputs=lambda study, settings: {"neighbours": [fill(layout.NEIGHBOURS, study, figure=name)]},
        subject="Nearest training images",
        paper=f"{paper} samples with their nearest training images, in pixel space and in Inception features",
        here="{samples} samples of {model} with their {neighbours} nearest training images, in pixel space "
        "and in the feature space of this study",
        of_images=True,
        draw=_draw,
    )


FIGURE12 = _figure("figure12", "by a 100x100 crop around the face, CelebA-HQ 256x256")
FIGURE15 = _figure("figure15", "CIFAR-10")
