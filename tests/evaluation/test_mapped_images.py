"""Evaluation gives the same numbers where the real images are memory-mapped, not in memory."""

import numpy as np

from ddpm.data import arrays
from ddpm.data.store import read_images
from ddpm.evaluation.neighbours import neighbour_arrays
from ddpm.evaluation.quality import measure_quality, open_judge


def test_scores_and_neighbours(study, extractor, train, test, monkeypatch):
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", 0)
    mapped = read_images(study, "digits", "train")
    assert isinstance(mapped, np.memmap)
    scores, neighbours = [], []
    for images in (train, mapped):
        with open_judge(extractor, study.quality) as judge:
            scores.append(measure_quality(test[:100], images, "train", judge))
        neighbours.append(neighbour_arrays(test[:3], images, 4, extractor, 50))
    assert scores[0] == scores[1]
    for name, array in neighbours[0].items():
        np.testing.assert_array_equal(array, neighbours[1][name])
