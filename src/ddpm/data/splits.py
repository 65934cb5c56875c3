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
