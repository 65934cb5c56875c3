"""scikit-learn's handwritten digits as 8-bit grey images, split once into train and test."""

from __future__ import annotations

import numpy as np

from ddpm.data.splits import Splits, stratified_test_mask
from ddpm.study.datasets import DigitsSettings

LARGEST_VALUE = 16


def load_digits(settings: DigitsSettings) -> Splits:
    """The 1,797 digits of the UCI optical recognition set that scikit-learn carries; nothing is downloaded.

    Returns:
        Images uint8 [n, 1, 8, 8] in [0, 255] and labels int64 [n] in 0..9, in scikit-learn's order
        within each split.
    """
    from sklearn import datasets

    digits = datasets.load_digits()
    images = to_grey_levels(digits.images)[:, None]
    labels = digits.target.astype(np.int64)
    test = stratified_test_mask(labels, settings.test_images, settings.split_seed)
    return Splits(images[~test], labels[~test], images[test], labels[test])


def to_grey_levels(values: np.ndarray) -> np.ndarray:
    """Maps ink counts 0..16 to grey levels round(255 v / 16) in 0..255, a half rounded up.

    Args:
        values: whole numbers in 0..16, of any shape and dtype.

    Returns:
        uint8 array of the same shape; 17 of the 256 levels occur.
    """
    counts = values.astype(np.int64)
    return ((counts * 255 + LARGEST_VALUE // 2) // LARGEST_VALUE).astype(np.uint8)
