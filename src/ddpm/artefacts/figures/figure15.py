"""Figure 15: samples and their nearest training images, in pixel space and in feature space."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from ddpm.artefacts.figures import wording
from ddpm.artefacts.figures.image_grid import Grid
from ddpm.artefacts.figures.page import Margins, Page, resolution
from ddpm.artefacts.figures.reading import read_images, status_of
from ddpm.artefacts.figures.style import LABEL_SIZE, PAGE_WIDTH
from ddpm.status import is_evaluated
from ddpm.study.dependencies import Inputs
from ddpm.study.settings import Study

CAPTION = 0.24  # inches above each panel


def draw(study: Study, inputs: Inputs) -> Figure:
    """Draws the figure from one model's samples and their neighbours."""
    assert study.artefacts.figure15 is not None
    path = inputs["neighbours"][0]
    title = wording.heading(study, "Nearest training images", study.artefacts.figure15.model)
    status = status_of(path)
    if not is_evaluated(status):
        return wording.empty_figure(title, status)
    arrays = read_images(path, samples=4, pixel_neighbours=5, feature_neighbours=5)
    panels = {"in pixel space": arrays["pixel_neighbours"], "in feature space": arrays["feature_neighbours"]}
    return neighbours_figure(arrays["samples"], panels, title)


def neighbours_figure(samples: np.ndarray, neighbours: dict[str, np.ndarray], title: str) -> Figure:
    """Panels (a), (b), ... one below the other: each row a sample, set apart, and its neighbours.

    Args:
        samples: uint8 [S, C, H, W].
        neighbours: for each panel's caption uint8 [S, N, C, H, W], nearest first.
        title: the heading.
    """
    count, channels, height, width = samples.shape
    columns = 1 + next(iter(neighbours.values())).shape[1]
    finest = resolution(columns * width, PAGE_WIDTH - 0.1)
    grid = Grid(count, columns, height, width, finest.scale, finest.gap, frozenset({0}))
    pitch = grid.height + finest.dots(CAPTION)
    page = Page(grid.width, pitch * len(neighbours), finest.dpi, title, Margins(top=0.02))
    for panel, (space, images) in enumerate(neighbours.items()):
        top = panel * pitch + finest.dots(CAPTION)
        cells = np.concatenate([samples[:, None], images], axis=1).reshape(-1, channels, height, width)
        page.add_image(grid.render(cells), 0, top)
        caption = f"({'abcdefgh'[panel]})  sample, and its nearest training images {space}, nearest first"
        page.write(0, top - finest.dots(0.09), caption, ha="left", fontsize=LABEL_SIZE)
    return page.figure
