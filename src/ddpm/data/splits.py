"""What every source of a data set returns.

A source `x` is a module `ddpm.data.x` with a function `load_x`, and its settings in `ddpm.study.datasets`.
"""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np


class ImageStream(NamedTuple):
    """Images for a data set that need not fit into memory.

    Attributes:
        shape: n, C, H, W.
        images: each uint8 [C, H, W] in [0, 255], made when it is asked for.
    """

    shape: tuple[int, ...]
    images: Iterator[np.ndarray]


class Splits(NamedTuple):
    """The train and test splits of a data set.

    Attributes:
        train_images, test_images: uint8 [n, C, H, W] in [0, 255], or a stream of them.
        train_labels, test_labels: int64 [n]; zeros for a source without classes.
    """

    train_images: np.ndarray | ImageStream
    train_labels: np.ndarray
    test_images: np.ndarray | ImageStream
    test_labels: np.ndarray


def load_source(settings: Any) -> Splits:
    """Loads a data set, described by one of the values of `Study.datasets`, from its source."""
    module = importlib.import_module(f"ddpm.data.{settings.source}")
    splits: Splits = getattr(module, f"load_{settings.source}")(settings)
    return splits


def stratified_test_mask(labels: np.ndarray, test_images: int, seed: int) -> np.ndarray:
    """Which images are held out: each class in proportion to its size, the images within it by lot.

    The lots are raw PCG64 output, which NumPy keeps the same from version to version, so a split
    depends on the labels, their order, and the seed alone.

    Args:
        labels: int array [n].
        test_images: number of images held out, at most n.
        seed: seed of the lots.

    Returns:
        bool array [n], True for the test split; `test_images` are True.
    """
    classes, sizes = np.unique(labels, return_counts=True)
    lots = np.random.PCG64(seed).random_raw(len(labels))
    mask = np.zeros(len(labels), dtype=bool)
    for label, held_out in zip(classes, _quotas(sizes, test_images), strict=True):
        members = np.flatnonzero(labels == label)
        mask[members[np.argsort(lots[members], kind="stable")[:held_out]]] = True
    return mask


def _quotas(sizes: np.ndarray, total: int) -> np.ndarray:
    """`total` shared out in proportion to `sizes`: whole parts, then one each to the largest remainders."""
    whole, remainders = np.divmod(sizes * total, sizes.sum())
    left = total - whole.sum()
    whole[np.argsort(-remainders, kind="stable")[:left]] += 1
    return whole
