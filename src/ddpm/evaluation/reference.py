"""Reference sets: what real images and noise score under the same protocol, to read the scale by."""

from __future__ import annotations

import numpy as np

from ddpm.evaluation.protocol import METRICS, METRICS_AGAINST, SEED
from ddpm.evaluation.quality import ImageSet

# Standard deviation of the noise on real images: 0.3 in the network's range [-1, 1].
NOISE_GREY_LEVELS = 0.3 * 127.5


def reference_sets(train: np.ndarray, test: np.ndarray | None = None) -> list[tuple[str, ImageSet]]:
    """The reference sets by name, once for each split that they may be compared with; not with themselves.

    There are as many images of pure noise as training images.

    Args:
        train: uint8 [n, C, H, W].
        test: uint8 [m, C, H, W]; None for data without test images.
    """
    rng = np.random.default_rng(SEED)
    if test is None:
        return [(name, images) for name, images in _noise(rng, train) if images.split == "train"]
    noisy = _pixels(test + NOISE_GREY_LEVELS * rng.standard_normal(test.shape, np.float32))
    return [
        ("reference: training images", ImageSet(train, "test", METRICS)),
        ("reference: test images", ImageSet(test, "train", METRICS)),
        ("reference: test images with noise", ImageSet(noisy, "train", METRICS)),
        *_noise(rng, train),
    ]


def _noise(rng: np.random.Generator, train: np.ndarray) -> list[tuple[str, ImageSet]]:
    gaussian = _pixels(127.5 + 127.5 * rng.standard_normal(train.shape, np.float32))
    uniform = rng.integers(0, 256, train.shape, np.uint8)
    return [
        (f"reference: {name} noise", ImageSet(images, split, metrics))
        for name, images in (("Gaussian", gaussian), ("uniform", uniform))
        for split, metrics in METRICS_AGAINST.items()
    ]


def _pixels(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
