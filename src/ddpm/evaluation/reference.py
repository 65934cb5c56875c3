"""Reference rows: what real images and noise score under the same protocol, to judge the scale by."""

from __future__ import annotations

import dataclasses
from collections.abc import Collection

import numpy as np

from ddpm.data.store import read_images, read_manifest
from ddpm.evaluation.model_quality import METRICS_AGAINST
from ddpm.evaluation.protocol import METRICS, SEED
from ddpm.evaluation.quality import measure_quality, open_study_judge
from ddpm.graph.fingerprint import reference_fingerprint
from ddpm.progress import Progress
from ddpm.records.measurements import Measurement
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study

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


def reference_rows(study: Study, dataset: str, device: str = "cpu") -> list[Measurement]:
    """IS, FID, KID, precision and recall of the reference sets of a data set.

    Raises:
        StudyError, DataError, WeightsError: an input is missing, damaged, or of other settings.
    """
    manifest = read_manifest(study, dataset)
    splits = {"train": read_images(study, dataset, "train"), "test": read_images(study, dataset, "test")}
    sets = references(splits["train"], splits["test"])
    rows: list[Measurement] = []
    with (
        open_study_judge(study, device) as judge,
        Progress(
            f"references {dataset}", sum(len(item.images) for item in sets.values()), "images"
        ) as progress,
    ):
        for name, item in sets.items():
            for split, metrics in item.against.items():
                scores = measure_quality(
                    item.images, splits[split], split, judge, metrics, shuffle=True, progress=progress
                )
                rows += [
                    Measurement(
                        study=study.name,
                        model=name,
                        status="reference",
                        settings=reference_fingerprint(study, dataset),
                        git_commit=git_commit(),
                        data_hash=manifest["data_hash"],
                        hardware=hardware(device),
                        **dataclasses.asdict(score),
                    )
                    for score in scores
                ]
    return rows


def _pixels(levels: np.ndarray) -> np.ndarray:
    return np.clip(np.rint(levels), 0, 255).astype(np.uint8)
