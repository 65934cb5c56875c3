"""Reference sets: what real images and noise score under the same protocol, to read the scale by."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np

from ddpm.evaluation.protocol import METRICS, METRICS_AGAINST, SEED, Score
from ddpm.evaluation.quality import Evaluator, measure_quality
from ddpm.progress import Progress

# Standard deviation of the noise on real images: 0.3 in the network's range [-1, 1].
NOISE_GREY_LEVELS = 0.3 * 127.5


@dataclasses.dataclass(frozen=True)
class Reference:
    """Images whose scores are known in kind: real, spoilt, or noise.

    Attributes:
        images: uint8 [n, C, H, W].
        against: the metrics for each split that they may be compared with; not with themselves.
    """

    images: np.ndarray
    against: dict[str, Collection[str]]


def references(train: np.ndarray, test: np.ndarray) -> dict[str, Reference]:
    """The reference sets by name; as many images of pure noise as there are training images.

    Args:
        train: uint8 [n, C, H, W].
        test: uint8 [m, C, H, W].
    """
    rng = np.random.default_rng(SEED)
    return {
        "reference: training images": Reference(train, {"test": METRICS}),
        "reference: test images": Reference(test, {"train": METRICS}),
        "reference: test images with noise": Reference(
            _pixels(test + NOISE_GREY_LEVELS * rng.standard_normal(test.shape, np.float32)),
            {"train": METRICS},
        ),
        "reference: Gaussian noise": Reference(
            _pixels(127.5 + 127.5 * rng.standard_normal(train.shape, np.float32)), dict(METRICS_AGAINST)
        ),
        "reference: uniform noise": Reference(
            rng.integers(0, 256, train.shape, np.uint8), dict(METRICS_AGAINST)
        ),
    }


def reference_scores(
    train: np.ndarray, test: np.ndarray, evaluator: Evaluator, title: str
) -> dict[str, list[Score]]:
    """IS, FID, KID, precision and recall of the reference sets of a data set, by name.

    Args:
        train: uint8 [n, C, H, W].
        test: uint8 [m, C, H, W].
        evaluator: how they are evaluated.
        title: for the progress line.
    """
    splits, sets = {"train": train, "test": test}, references(train, test)
    scores: dict[str, list[Score]] = {name: [] for name in sets}
    with Progress(title, sum(len(item.images) for item in sets.values()), "images") as progress:
        for name, item in sets.items():
            for split, metrics in item.against.items():
                scores[name] += measure_quality(
                    item.images, splits[split], split, evaluator, metrics, shuffle=True, progress=progress
                )
    return scores


def _pixels(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
