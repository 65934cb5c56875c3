"""Grids of images: every pixel lands where it belongs, and stays whole on the page."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.artefacts.figures.drawing import save_image
from ddpm.artefacts.figures.grid import SET_APART, Grid, enlarged
from ddpm.artefacts.figures.page import Margins, Page, resolution


@st.composite
def grids(draw: st.DrawFn) -> Grid:
    size = st.integers(1, 5)
    columns = draw(size)
    apart = (
        draw(st.frozensets(st.integers(0, max(0, columns - 2)), max_size=2)) if columns > 1 else frozenset()
    )
    return Grid(
        draw(size), columns, draw(size), draw(size), draw(st.integers(1, 3)), draw(st.integers(0, 3)), apart
    )


def random_images(count: int, channels: int, height: int, width: int) -> np.ndarray:
    return np.random.default_rng(count).integers(0, 256, (count, channels, height, width), dtype=np.uint8)


@settings(deadline=None)
@given(grids(), st.sampled_from([1, 3]), st.integers(0, 25))
def test_every_cell_shows_its_image(grid: Grid, channels: int, count: int) -> None:
    images = random_images(
        min(count, grid.rows * grid.columns), channels, grid.image_height, grid.image_width
    )
    image = grid.render(images)
    assert image.shape == (grid.height, grid.width, 3)
    assert image.dtype == np.uint8
    for index in range(grid.rows * grid.columns):
        row, column = divmod(index, grid.columns)
        top, left = grid.top(row), grid.left(column)
        cell = image[top : top + grid.cell_height, left : left + grid.cell_width]
        if index < len(images):
            assert np.array_equal(cell[:: grid.scale, :: grid.scale], np.broadcast_to(
                images[index], (3, grid.image_height, grid.image_width)).transpose(1, 2, 0))  # fmt: skip
            assert np.array_equal(cell, enlarged(images[index], grid.scale))
        else:
            assert (cell == 255).all()


@settings(deadline=None)
@given(grids())
def test_cells_are_a_gap_apart_and_fill_the_grid(grid: Grid) -> None:
    steps = [
        grid.left(column + 1) - grid.left(column) - grid.cell_width for column in range(grid.columns - 1)
    ]
    assert steps == [
        grid.gap * (SET_APART if column in grid.apart else 1) for column in range(grid.columns - 1)
    ]
    assert grid.width == grid.columns * grid.cell_width + sum(steps)
    assert grid.height == grid.rows * grid.cell_height + (grid.rows - 1) * grid.gap


def test_gaps_stand_out_from_grey_images_and_wide_gaps_are_white() -> None:
    image = Grid(2, 3, 4, 4, scale=2, gap=2, apart=frozenset({0})).render(np.zeros((6, 1, 4, 4), np.uint8))
    thin, wide = image[:, 28:30], image[:, 8:20]
    assert len(np.unique(thin.reshape(-1, 3)[0])) > 1
    assert (wide == 255).all()


@given(st.integers(1, 5000), st.floats(0.3, 8))
def test_a_grid_fits_its_width_at_whole_dots(pixels: int, inches: float) -> None:
    finest = resolution(pixels, inches)
    assert finest.scale >= 1
    assert finest.gap >= 1
    assert pixels * finest.scale / finest.dpi <= inches * (1 + 1e-9)
    assert pixels * finest.scale / finest.dpi > inches / 2 - pixels / finest.dpi / 2 - 0.01


@pytest.mark.parametrize(("shape", "inches"), [((1, 8, 8), 6.5), ((3, 32, 32), 2.0), ((3, 64, 64), 0.5)])
def test_the_png_holds_the_grid_dot_for_dot(tmp_path, shape, inches) -> None:
    images = random_images(12, *shape)
    finest = resolution(4 * shape[2], inches)
    grid = Grid(3, 4, *shape[1:], finest.scale, finest.gap)
    margins = Margins(0.31, 0.17, 0.05, 0.23)
    page = Page(grid.width, grid.height, finest.dpi, "A heading that goes over lines " * 5, margins)
    axes = page.add_image(grid.render(images), 0, 0)
    save_image(page.figure, tmp_path / "page.png")

    box = axes.get_window_extent()
    height, width = page.figure.canvas.get_width_height()[::-1]
    left, top = round(box.x0), height - round(box.y1)
    shown = read_png(tmp_path / "page.png")
    assert shown.shape[:2] == (height, width)
    assert np.array_equal(shown[top : top + grid.height, left : left + grid.width], grid.render(images))
    assert (shown[top - 1, left : left + grid.width] == 255).all()
    assert (shown[top + grid.height, left : left + grid.width] == 255).all()


def test_the_pdf_holds_a_grid_as_one_image_as_it_is(tmp_path) -> None:
    grid = Grid(20, 20, 8, 8, scale=8, gap=3)
    page = Page(grid.width, grid.height, 200, "A heading")
    page.add_image(grid.render(random_images(400, 1, 8, 8)), 0, 0)
    save_image(page.figure, tmp_path / "page.pdf")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.count(b"/Subtype /Image") == 1
    assert f"/Width {grid.width}".encode() in content
    assert f"/Height {grid.height}".encode() in content


def read_png(path) -> np.ndarray:
    """uint8 [height, width, 3]."""
    from PIL import Image

    return np.asarray(Image.open(path).convert("RGB"))
