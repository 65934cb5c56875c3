"""The metrics of sample quality: what is asked of torch-fidelity for each, and the same in words.

A new metric is an entry of METRICS, and of the tables that show it.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ddpm.evaluation.quality import Evaluator

SEED = 2020
# FID and KID's kernel sum over features: their scale is that of so many.
FEATURES_OF_INCEPTION = 2048
# The paper's splits of 5,000 images over Inception's 1,008 classes hold just under 5 for each class.
IMAGES_PER_CLASS_IN_A_SPLIT = 4
_PRECISION_RECALL_BLOCK = 2000


@dataclasses.dataclass(frozen=True)
class Score:
    """One number of a set of images; the fields are those of `ddpm.records.measurements.Measurement`."""

    metric: str
    split: str | None
    value: float
    spread: float | None
    n: int
    protocol: str

    def noting(self, note: str) -> Score:
        """The score with more to say of how it was measured."""
        return dataclasses.replace(self, protocol=f"{self.protocol}; {note}")


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is measured on n images against m: as the settings say, or less where the images are too few.

    Attributes:
        n: number of images that are evaluated, at least 2.
        m: number of reference images, at least 2.
        split: which split of the data the reference is.
        evaluator: how they are evaluated.
        shuffle: whether images are dealt to the inception score's splits in a fixed random order.
    """

    n: int
    m: int
    split: str
    evaluator: Evaluator
    shuffle: bool = False

    @property
    def inception_splits(self) -> int:
        """Splits of the inception score that hold enough images for its classes, at least 1."""
        most = self.n // (IMAGES_PER_CLASS_IN_A_SPLIT * self.evaluator.extractor.classes)
        return min(self.evaluator.settings.inception_splits, max(1, most))

    @property
    def kid_subset_size(self) -> int:
        """Images in a subset of KID, at most those there are."""
        return min(self.evaluator.settings.kid_subset_size, self.n, self.m)

    @property
    def neighbourhood(self) -> int:
        """The k of precision and recall; an image has at most n - 1 neighbours."""
        return min(self.evaluator.settings.neighbourhood, self.n - 1, self.m - 1)

    @property
    def reference(self) -> str:
        """The reference images in words."""
        return f"{self.m} {self.split} images"

    def options(self, metrics: Collection[str] = ()) -> dict[str, Any]:
        """Arguments of `torch_fidelity.calculate_metrics` besides the inputs."""
        extractor, settings = self.evaluator.extractor, self.evaluator.settings
        wanted = {METRICS[metric].argument for metric in metrics}
        return {metric.argument: metric.argument in wanted for metric in METRICS.values()} | {
            "cuda": self.evaluator.device == "cuda",
            "batch_size": settings.batch_size,
            "feature_extractor": extractor.name,
            "feature_extractor_weights_path": str(extractor.weights_path),
            "feature_layer_isc": extractor.logits_layer,
            "feature_layer_fid": extractor.features_layer,
            "feature_layer_kid": extractor.features_layer,
            "feature_layer_prc": extractor.features_layer,
            "isc_splits": self.inception_splits,
            "samples_shuffle": self.shuffle,
            "kid_subsets": settings.kid_subsets,
            "kid_subset_size": self.kid_subset_size,
            "kid_kernel_poly_gamma": 1 / FEATURES_OF_INCEPTION,
            "prc_neighborhood": self.neighbourhood,
            "prc_batch_size": _PRECISION_RECALL_BLOCK,
            "datasets_download": False,
            "cache_root": str(self.evaluator.cache.folder),
            "rng_seed": SEED,
            # No forked DataLoader workers; precision and recall in blocks, not with an n x n matrix.
            "save_cpu_ram": True,
            "verbose": False,
        }

    def score(self, name: str, values: dict[str, float]) -> Score:
        """A metric's score from torch-fidelity's result."""
        metric, extractor = METRICS[name], self.evaluator.extractor
        spread = values[metric.spread_key] if metric.spread_key else None
        text, published = metric.describe(self), extractor.published_images
        if published is not None and self.n < published:
            text += f"; {self.n:,} images, fewer than the {published:,} of the published scores"
        text += f"; {extractor.description}, in float32"
        return Score(name, self.split if metric.reference else None, values[metric.key], spread, self.n, text)


@dataclasses.dataclass(frozen=True)
class Metric:
    """One metric of torch-fidelity.

    Attributes:
        argument: of `torch_fidelity.calculate_metrics`, which asks for it.
        key, spread_key: of its value and of its spread in the result.
        describe: how it is measured, in words.
        splits: the splits against which samples are measured.
        reference: whether it compares with a split at all; otherwise its score has none.
    """

    argument: str
    key: str
    spread_key: str | None
    describe: Callable[[Protocol], str]
    splits: tuple[str, ...]
    reference: bool = True


def _inception_score(protocol: Protocol) -> str:
    splits = protocol.inception_splits
    order = "dealt at random" if protocol.shuffle else "consecutive"
    few = _fewer(splits, protocol.evaluator.settings.inception_splits)
    count = "1 split" if splits == 1 else f"{splits} splits"
    return f"inception score over {count} of {protocol.n // splits} images{few}, {order}"


def _fid(protocol: Protocol) -> str:
    too_few = min(protocol.n, protocol.m) <= protocol.evaluator.extractor.features
    few = ", too few images for a covariance of full rank" if too_few else ""
    return f"FID against {protocol.reference}{few}"


def _kid(protocol: Protocol) -> str:
    settings, size = protocol.evaluator.settings, protocol.kid_subset_size
    subsets = f"{settings.kid_subsets} subsets of {size}{_fewer(size, settings.kid_subset_size)}"
    return f"KID against {protocol.reference} in {subsets}"


def _precision(protocol: Protocol) -> str:
    return f"share of the images inside the manifold of {protocol.reference}, {_neighbours(protocol)}"


def _recall(protocol: Protocol) -> str:
    return f"share of {protocol.reference} inside the manifold of the images, {_neighbours(protocol)}"


def _neighbours(protocol: Protocol) -> str:
    used, asked = protocol.neighbourhood, protocol.evaluator.settings.neighbourhood
    return f"k = {used}{_fewer(used, asked)}"


def _fewer(used: int, asked: int) -> str:
    return f" (fewer than the {asked} asked for: too few images)" if used < asked else ""


_IS, _KID = "inception_score", "kernel_inception_distance"
# Precision and recall are against the training set, as in the literature.
METRICS = {
    "IS": Metric("isc", f"{_IS}_mean", f"{_IS}_std", _inception_score, ("train",), reference=False),
    "FID": Metric("fid", "frechet_inception_distance", None, _fid, ("train", "test")),
    "KID": Metric("kid", f"{_KID}_mean", f"{_KID}_std", _kid, ("train", "test")),
    "precision": Metric("prc", "precision", None, _precision, ("train",)),
    "recall": Metric("prc", "recall", None, _recall, ("train",)),
}
# What the paper reports of its samples (Table 1, figure 10).
PAPERS_METRICS = ("IS", "FID")
METRICS_AGAINST = {
    split: tuple(name for name, metric in METRICS.items() if split in metric.splits)
    for split in ("train", "test")
}


def missing_scores(metrics: Collection[str], split: str, reason: str) -> list[Score]:
    """Scores of a set that does not exist: NaN of 0 images, with the reason as protocol."""
    return [
        Score(name, split if METRICS[name].reference else None, math.nan, None, 0, reason)
        for name in METRICS
        if name in metrics
    ]


def told(scores: Iterable[Score]) -> str:
    """Scores in a line: "FID 10.6, IS 8.00; test: FID 12.3"; those of the training split or of none first."""
    found: dict[str, list[str]] = {}
    for score in sorted(scores, key=lambda score: score.metric != "FID"):
        split = "" if score.split in (None, "train") else f"{score.split}: "
        value = f"{score.value:.3g}" if math.isfinite(score.value) else "none"
        found.setdefault(split, []).append(f"{score.metric} {value}")
    return "; ".join(split + ", ".join(values) for split, values in sorted(found.items()))
