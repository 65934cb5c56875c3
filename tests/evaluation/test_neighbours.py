import argparse

import numpy as np
import pytest

from ddpm.commands import neighbours
from ddpm.errors import StudyError
from ddpm.evaluation.features import extract_features
from ddpm.evaluation.neighbours import cropped, nearest
from ddpm.graph import layout
from ddpm.records.traced_files import read_arrays, read_provenance

FIGURE = argparse.Namespace(figure="figure15", device="cpu")


def brute_force(queries, candidates):
    differences = queries[:, None].astype(np.float64) - candidates[None].astype(np.float64)
    return (differences**2).reshape(len(queries), len(candidates), -1).sum(-1)


@pytest.mark.parametrize("block", [7, 100, 1000])
def test_they_equal_brute_force_in_blocks_of_any_size(monkeypatch, block):
    monkeypatch.setattr("ddpm.evaluation.neighbours._BLOCK_BYTES", block * 8 * 3 * 4 * 4)
    rng = np.random.default_rng(0)
    queries = rng.integers(0, 256, (5, 3, 4, 4), np.uint8)
    candidates = rng.integers(0, 256, (100, 3, 4, 4), np.uint8)
    found = nearest(queries, candidates, 9)
    distances = brute_force(queries, candidates)
    np.testing.assert_array_equal(found.distances, np.sort(distances, axis=1)[:, :9])
    np.testing.assert_array_equal(np.take_along_axis(distances, found.indices, 1), found.distances)


def test_a_crop_is_compared_alone():
    images = np.random.default_rng(0).integers(0, 256, (6, 3, 8, 8), np.uint8)
    assert (cropped(images, (2, 1, 4)) == images[:, :, 2:6, 1:5]).all()
    assert cropped(images, None) is images


def test_of_equals_the_first_comes_first():
    found = nearest(np.zeros((1, 2)), np.array([[1.0, 0], [0, 1], [0, 0], [0, 0]]), 4)
    assert found.indices.tolist() == [[2, 3, 0, 1]]


def test_there_are_no_more_than_there_are():
    assert nearest(np.zeros((2, 3)), np.ones((4, 3)), 9).indices.shape == (2, 4)


def test_a_training_image_is_its_own_neighbour(study, write_samples, train, extractor):
    write_samples(train[:200])
    neighbours.run(study, FIGURE)
    path = layout.path(layout.NEIGHBOURS, study.name, figure="figure15")
    arrays = read_arrays(path)
    np.testing.assert_array_equal(arrays["samples"], train[:4])
    for space in ("pixel", "feature"):
        assert arrays[f"{space}_neighbours"].shape == (4, 5, 1, 8, 8)
        assert arrays[f"{space}_neighbours"].dtype == np.uint8
        assert arrays[f"{space}_distances"].dtype == np.float64
        np.testing.assert_array_equal(arrays[f"{space}_neighbours"][:, 0], train[:4])
        assert np.all(np.diff(arrays[f"{space}_distances"], axis=1) >= 0)
    assert np.all(arrays["pixel_distances"][:, 0] == 0)
    assert np.all(arrays["pixel_distances"][:, 1] > 0)
    np.testing.assert_allclose(arrays["feature_distances"][:, 0], 0, atol=1e-4)
    features = extract_features(train, extractor, 500)
    expected = np.sort(brute_force(features[:4], features), axis=1)[:, :5]
    np.testing.assert_allclose(arrays["feature_distances"], expected, rtol=1e-3, atol=1e-3)
    assert read_provenance(path)["weights_hash"] == "w" * 64


def test_without_samples_there_are_none(study, write_samples, train):
    write_samples(train[:0], status="diverged at step 7")
    neighbours.run(study, FIGURE)
    path = layout.path(layout.NEIGHBOURS, study.name, figure="figure15")
    assert read_arrays(path)["pixel_neighbours"].shape == (0, 5, 1, 8, 8)
    assert read_provenance(path)["status"] == "diverged at step 7"


def test_another_figure_is_refused(study):
    with pytest.raises(StudyError, match=r"artefacts\.figure10 shows no nearest neighbours"):
        neighbours.run(study, argparse.Namespace(figure="figure10", device="cpu"))
