"""Nearest training images of generated ones, by pixels and by features (figures 12 and 15)."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.spatial.distance import cdist

from ddpm.evaluation.features import FeatureExtractor, extract_features
from ddpm.progress import Progress

# Bytes of the candidates that are held as float64 at once.
_BLOCK_BYTES = 2**28


# Top, left and size of a square, pixels.
Crop = tuple[int, int, int]


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
    at_once = max(1, _BLOCK_BYTES // (8 * rows.shape[1]))
    blocks = [
        cdist(rows, block.reshape(len(block), -1), "sqeuclidean")
        for block in np.split(candidates, range(at_once, len(candidates), at_once))
    ]
    distances = np.concatenate(blocks, axis=1)
    indices = np.argsort(distances, axis=1, kind="stable")[:, :count]
    return Nearest(indices, np.take_along_axis(distances, indices, axis=1))


def neighbour_arrays(
    samples: np.ndarray,
    train: np.ndarray,
    count: int,
    extractor: FeatureExtractor,
    batch_size: int,
    device: str = "cpu",
    crop: Crop | None = None,
) -> dict[str, np.ndarray]:
    """The neighbours of samples in both spaces, as the figure needs them.

    Args:
        samples: uint8 [S, C, H, W].
        train: uint8 [n, C, H, W].
        count: neighbours of each sample, N in all (fewer if n is smaller).
        extractor: gives the features.
        batch_size: images in one call of it.
        device: "cpu" or "cuda".
        crop: top, left and size of the square by which images are compared; None for whole images.

    Returns:
        `samples`; `pixel_neighbours` and `feature_neighbours`, uint8 [S, N, C, H, W]; `pixel_distances`
        (squared L2 on the scale of 0..255) and `feature_distances` (squared L2 of features), float64
        [S, N]; `pixel_indices` and `feature_indices`, int64 [S, N], into the training split.
    """
    compared, candidates = cropped(samples, crop), cropped(train, crop)
    by_pixels = nearest(compared, candidates, count)
    with Progress("features of training images", len(train) + len(samples), "images") as progress:
        train_features = extract_features(candidates, extractor, batch_size, device, progress)
        sample_features = extract_features(compared, extractor, batch_size, device, progress)
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


def cropped(images: np.ndarray, crop: Crop | None) -> np.ndarray:
    """A square of images uint8 [n, C, H, W], as a view; None for all of them."""
    if crop is None:
        return images
    top, left, size = crop
    return images[..., top : top + size, left : left + size]
