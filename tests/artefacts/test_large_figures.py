"""Figures of large images: the paper's rows and columns, found again on the drawn axes."""

from pathlib import Path

import numpy as np
import pytest

from ddpm.artefacts.figures.blocks import in_sizes
from ddpm.artefacts.figures.drawing import draw_figure
from ddpm.artefacts.figures.grid import BACKGROUND
from ddpm.artefacts.figures.sizes import MOST_ACROSS, fitted, reduced
from ddpm.errors import StudyError
from ddpm.graph.dependencies import artefact_inputs
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.records.traced_files import write_arrays
from ddpm.study import load_study

STUDY = """
title: Made up
datasets:
  tiny: {source: cifar10}
  faces: {source: celebahq, path: faces, image_size: 64}
models:
  small: {dataset: tiny}
  church: {dataset: faces}
sampling: {images: 150, batch_size: 150, batches_per_shard: 1}
quality: {features: {kind: inception}}
artefacts:
  models: null
  figure1: {model: small, rows: 15, columns: 10, faces: {model: church}}
  figure3: {model: church}
  figure4: {model: church}
  figure11: {model: church, rows: 10, columns: 10}
  figure12: {model: church, samples: 5, neighbours: 9, crop: [10, 10, 40]}
  figure16: {model: church}
  figure17: {model: church}
  figure18: {model: church}
  figure19: {model: church}
"""
# Rows, columns and cell height of each grid, from the left and from above; images of 64 pixels are enlarged.
LARGE = [(2, 2, 256), (4, 1, 128), (8, 2, 64)]
HUNDRED = [(2, 5, 128), (9, 10, 64)]
GRIDS = {
    "figure1": [(2, 2, 192), (15, 10, 32)],
    "figure3": LARGE,
    "figure4": LARGE,
    "figure11": [(10, 10, 128)],
    "figure12": [(5, 10, 128), (5, 10, 128)],
    **{f"figure{number}": HUNDRED for number in (16, 17, 18, 19)},
}


def coloured(count: int, size: int, first: int = 0) -> np.ndarray:
    """Image n has one colour, by which it is known: red n, and no white."""
    images = np.zeros((count, 3, size, size), np.uint8)
    images[:, 0] = (first + np.arange(count))[:, None, None]
    return images


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()
    Path("config/large.yaml").write_text(STUDY)
    study = load_study("config/large.yaml")
    for role, size in {"samples": 32, "faces": 64}.items():
        [path] = artefact_inputs(study, "figure1")[role]
        arrays = {"images": coloured(150, size), "index": np.arange(150)}
        write_arrays(path, arrays, {"settings": result_fingerprint(study, path), "status": "trained"})
    return study


def drawn(study, name: str) -> list[tuple[int, int, int]]:
    """Rows, columns and cell height of each grid of a figure, whose cells count up from image 0 or 100."""
    figure, found, first = draw_figure(study, name), [], 0
    for axes in figure.axes:
        [image] = axes.get_images()
        pixels = np.asarray(image.get_array())
        box = axes.get_window_extent()
        assert (round(box.height), round(box.width)) == pixels.shape[:2]
        gaps = (pixels == BACKGROUND).all(axis=2)
        rows, columns = _runs(~gaps.all(axis=1)), _runs(~gaps.all(axis=0))
        cells = [int(pixels[top, left, 0]) for top, _ in rows for left, _ in columns]
        first = first if cells[0] else 0
        assert cells == list(range(first, first + len(cells)))
        first += len(cells)
        found.append((len(rows), len(columns), rows[0][1] - rows[0][0]))
        assert columns[0][1] - columns[0][0] == found[-1][2]
    return found


def _runs(full: np.ndarray) -> list[tuple[int, int]]:
    """Where the stretches of True begin and end."""
    edges = np.flatnonzero(np.diff(np.concatenate([[False], full, [False]]).astype(int)))
    return list(zip(edges[::2].tolist(), edges[1::2].tolist(), strict=True))


@pytest.mark.parametrize("name", [name for name in GRIDS if name != "figure12"])
def test_grids_have_the_papers_rows_and_columns(study, name):
    assert drawn(study, name) == GRIDS[name]


def test_neighbours_stand_beside_their_samples(study):
    [path] = artefact_inputs(study, "figure12")["neighbours"]
    arrays = {"samples": coloured(50, 64)[::10]}
    neighbours = coloured(50, 64).reshape(5, 10, 3, 64, 64)[:, 1:]
    arrays |= {"pixel_neighbours": neighbours, "feature_neighbours": neighbours}
    write_arrays(path, arrays, {"settings": result_fingerprint(study, path), "status": "trained"})
    assert drawn(study, "figure12") == GRIDS["figure12"]


def test_large_images_are_made_smaller_for_small_cells():
    blocks = in_sizes(coloured(24, 256), [(2, 2, 1), (4, 1, 2), (8, 2, 4)])
    assert [(len(block.images), block.images.shape[-1], block.scale) for block in blocks] == [
        (4, 256, 1),
        (4, 128, 1),
        (16, 64, 1),
    ]
    assert [int(block.images[0, 0, 0, 0]) for block in blocks] == [0, 4, 8]


def test_a_smaller_image_has_the_means_of_blocks():
    images = np.random.default_rng(0).integers(0, 256, (2, 3, 8, 8), dtype=np.uint8)
    small = reduced(images, 4)
    assert small.shape == (2, 3, 2, 2)
    assert small[1, 2, 1, 0] == round(images[1, 2, 4:8, 0:4].astype(float).mean())
    assert fitted(coloured(1, 256), 6).shape[-1] == 256
    assert fitted(coloured(1, 256), 13).shape[-1] == 128
    assert 13 * 128 <= MOST_ACROSS < 13 * 256


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "crop: [10, 10, 40]",
            "crop: [30, 0, 40]",
            r"figure12.crop: \[30, 0, 40\].*does not lie within 64x64",
        ),
        ("images: 150", "images: 99", r"figure16: shows 100 samples, but sampling.images is 99"),
        (
            "church: {dataset: faces}",
            "church: {dataset: faces, sampling: {images: 50}}",
            r"figure11: shows 100 samples, but models.church.sampling.images is 50",
        ),
        (
            "{kind: inception}",
            "{kind: classifier, dataset: faces}",
            r"figure12.crop: the classifier of quality.features takes whole images alone",
        ),
    ],
)
def test_impossible_settings_are_told(tmp_path, monkeypatch, old, new, message):
    monkeypatch.chdir(tmp_path)
    Path("large.yaml").write_text(STUDY.replace(old, new))
    with pytest.raises(StudyError, match=message):
        load_study("large.yaml")
