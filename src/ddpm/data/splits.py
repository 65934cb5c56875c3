"""What every source of a data set returns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple, Protocol

import numpy as np


class ImageSequence(Protocol):
    """Images one after another: an array, or an object that makes each when it is asked for."""

    @property
    def shape(self) -> tuple[int, ...]:
        """n, C, H, W."""

    @property
    def dtype(self) -> np.dtype[Any]:
        """uint8."""

    def __iter__(self) -> Iterator[np.ndarray]:
        """Each image, [C, H, W] in [0, 255]."""


class Splits(NamedTuple):
    """The train and test splits of a data set.

    Attributes:
        train_images, test_images: uint8 [n, C, H, W] in [0, 255].
        train_labels, test_labels: int64 [n]; zeros for a source without classes.
    """

    train_images: ImageSequence
    train_labels: np.ndarray
    test_images: ImageSequence
    test_labels: np.ndarray
