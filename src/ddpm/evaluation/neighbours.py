"""Nearest training images of generated ones, by pixels and by features (figure 15)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ddpm.artefacts.figures.figure15 import NeighboursSettings
from ddpm.data.store import read_images
from ddpm.evaluation.features import Extractor, extract_features, open_extractor
from ddpm.evaluation.model_quality import Run, read_run
from ddpm.graph.fingerprint import neighbours_fingerprint
from ddpm.progress import Progress
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study

_CANDIDATES_AT_ONCE = 2000


class Nearest(NamedTuple):
    """Nearest candidates of each query, the nearest first.

    Attributes:
        indices: int64 [queries, count], into the candidates; of equals the lower comes first.
        distances: float64 [queries, count], squared Euclidean.
    """

    indices: np.ndarray
    distances: np.ndarray


def nearest(queries: np.ndarray, candidates: np.ndarray, count: int) -> Nearest:
    """The `count` candidates nearest to each query, by squared Euclidean distance in float64.

    Exact for uint8 input. The candidates are taken in blocks, so that only a block is ever held as float64.

    Args:
        queries: [q, ...], any shape of item.
        candidates: [c, ...], items of the same shape.
        count: neighbours of each query; all candidates if there are fewer.
    """
    count = min(count, len(candidates))
    if len(queries) == 0:
        return Nearest(np.empty((0, count), np.int64), np.empty((0, count)))
    rows = queries.reshape(len(queries), -1)
    blocks = [
        cdist(rows, block.reshape(len(block), -1), "sqeuclidean")
        for block in np.split(candidates, range(_CANDIDATES_AT_ONCE, len(candidates), _CANDIDATES_AT_ONCE))
    ]
    distances = np.concatenate(blocks, axis=1)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return Nearest(indices, np.take_along_axis(distances, indices, axis=1))


def neighbour_arrays(
    samples: np.ndarray,
    train: np.ndarray,
    count: int,
    extractor: Extractor,
    batch_size: int,
    device: str = "cpu",
) -> dict[str, np.ndarray]:
    """The neighbours of samples in both spaces, as the figure needs them.

    Args:
        samples: uint8 [S, C, H, W].
        train: uint8 [n, C, H, W].
        count: neighbours of each sample, N in all (fewer if n is smaller).
        extractor: gives the features.
        batch_size: images in one call of it.
        device: "cpu" or "cuda".

    Returns:
        `samples`; `pixel_neighbours` and `feature_neighbours`, uint8 [S, N, C, H, W]; `pixel_distances`
        (squared L2 on the scale of 0..255) and `feature_distances` (squared L2 of features), float64
        [S, N]; `pixel_indices` and `feature_indices`, int64 [S, N], into the training split.
    """
    by_pixels = nearest(samples, train, count)
    with Progress("features of training images", len(train) + len(samples), "images") as progress:
        train_features = extract_features(train, extractor, batch_size, device, progress)
        sample_features = extract_features(samples, extractor, batch_size, device, progress)
    by_features = nearest(sample_features, train_features, count)
    return {
        "samples": samples,
        "pixel_neighbours": train[by_pixels.indices],
        "pixel_distances": by_pixels.distances,
        "pixel_indices": by_pixels.indices,
        "feature_neighbours": train[by_features.indices],
        "feature_distances": by_features.distances,
        "feature_indices": by_features.indices,
    }


def study_neighbours(
    study: Study, figure: str, settings: NeighboursSettings, device: str = "cpu"
) -> tuple[dict[str, np.ndarray], dict[str, object]]:
    """The neighbours of a model's first samples, and their provenance.

    The samples are those of the model's first training seed and the first sampling seed. If training
    diverged there are none, and the arrays have S = 0.

    Raises:
        DataError, WeightsError: an input is missing, damaged, or of other settings.
    """
    run = Run(settings.model, study.model(settings.model).seeds[0], study.sampling_seeds(settings.model)[0])
    samples = read_run(study, run)
    extractor = open_extractor(study)
    train = read_images(study, study.model(run.model).dataset, "train")
    shown = samples.images[: settings.samples]
    arrays = neighbour_arrays(shown, train, settings.neighbours, extractor, study.quality.batch_size, device)
    provenance = {
        "study": study.name,
        "model": run.model,
        "training_seed": run.seed,
        "sampling_seed": run.sampling,
        "status": samples.status,
        "settings": neighbours_fingerprint(study, figure),
        "git_commit": git_commit(),
        "data_hash": samples.provenance.get("data_hash"),
        "weights_hash": samples.provenance.get("weights_hash"),
        "hardware": hardware(device),
        "features": extractor.description,
    }
    return arrays, provenance
