"""A data set in memory: what every source returns."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Splits(NamedTuple):
    """The train and test splits of a data set.

    Attributes:
        train_images, test_images: uint8 [n, C, H, W] in [0, 255].
        train_labels, test_labels: int64 [n]; zeros for a source without classes.
    """

    train_images: np.ndarray
    train_labels: np.ndarray
    test_images: np.ndarray
    test_labels: np.ndarray
