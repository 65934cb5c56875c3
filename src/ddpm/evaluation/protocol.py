"""How quality is measured: what is asked of torch-fidelity, and the same in words."""

from __future__ import annotations

import dataclasses
from typing import Any

from ddpm.evaluation.classifier import FEATURES_OF_INCEPTION
from ddpm.evaluation.feature_cache import FeatureCache
from ddpm.evaluation.features import Extractor
from ddpm.study.evaluation import QualitySettings

SEED = 2020
# The paper's splits of 5,000 images over Inception's 1,008 classes hold just under 5 for each class.
IMAGES_PER_CLASS_IN_A_SPLIT = 4
_PRECISION_RECALL_BLOCK = 2000

# Each metric's value and spread in torch-fidelity's result.
KEYS: dict[str, tuple[str, str | None]] = {
    "IS": ("inception_score_mean", "inception_score_std"),
    "FID": ("frechet_inception_distance", None),
    "KID": ("kernel_inception_distance_mean", "kernel_inception_distance_std"),
    "precision": ("precision", None),
    "recall": ("recall", None),
}
METRICS = tuple(KEYS)


@dataclasses.dataclass(frozen=True)
class Score:
    """One number of a set of images; the fields are those of `ddpm.records.measurements.Measurement`."""

    metric: str
    split: str | None
    value: float
    spread: float | None
    n: int
    protocol: str


@dataclasses.dataclass(frozen=True)
class Judge:
    """How images are judged: the extractor, the settings, the device, and where features are kept.

    Attributes:
        extractor: whose features are compared.
        settings: sizes of batches, splits and subsets.
        device: "cpu" or "cuda".
        cache: where torch-fidelity keeps features, under names that hold the content's hash.
    """

    extractor: Extractor
    settings: QualitySettings
    device: str
    cache: FeatureCache


@dataclasses.dataclass(frozen=True)
class Protocol:
    """What is measured on n images against m: as the settings say, or less where the images are too few.

    Attributes:
        n: number of images that are judged, at least 2.
        m: number of reference images, at least 2.
        split: which split of the data the reference is.
        judge: how they are judged.
        shuffle: whether images are dealt to the inception score's splits in a fixed random order.
    """

    n: int
    m: int
    split: str
    judge: Judge
    shuffle: bool = False

    @property
    def inception_splits(self) -> int:
        """Splits of the inception score that hold enough images for its classes, at least 1."""
        most = self.n // (IMAGES_PER_CLASS_IN_A_SPLIT * self.judge.extractor.classes)
        return min(self.judge.settings.inception_splits, max(1, most))

    @property
    def kid_subset_size(self) -> int:
        """Images in a subset of KID, at most those there are."""
        return min(self.judge.settings.kid_subset_size, self.n, self.m)

    @property
    def neighbourhood(self) -> int:
        """The k of precision and recall; an image has at most n - 1 neighbours."""
        return min(self.judge.settings.neighbourhood, self.n - 1, self.m - 1)

    def options(self) -> dict[str, Any]:
        """Arguments of `torch_fidelity.calculate_metrics` besides the inputs and the metrics."""
        extractor, settings = self.judge.extractor, self.judge.settings
        return {
            "cuda": self.judge.device == "cuda",
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
            "cache_root": str(self.judge.cache.folder),
            "rng_seed": SEED,
            # No forked DataLoader workers; precision and recall in blocks, not with an n x n matrix.
            "save_cpu_ram": True,
            "verbose": False,
        }

    def score(self, metric: str, values: dict[str, float]) -> Score:
        """A metric's score from torch-fidelity's result."""
        key, spread_key = KEYS[metric]
        spread = values[spread_key] if spread_key else None
        text = f"{self._describe(metric)}{self._shortfall}; {self.judge.extractor.description}, in float32"
        return Score(metric, split_of(metric, self.split), values[key], spread, self.n, text)

    @property
    def _shortfall(self) -> str:
        """That there are fewer images than in the published scores; empty if there are not."""
        published = self.judge.extractor.published_images
        if published is None or self.n >= published:
            return ""
        return f"; {self.n:,} images, fewer than the {published:,} of the published scores"

    def _describe(self, metric: str) -> str:
        settings = self.judge.settings
        reference = f"{self.m} {self.split} images"
        if metric == "IS":
            splits = self.inception_splits
            order = "dealt at random" if self.shuffle else "consecutive"
            few = _fewer(splits, settings.inception_splits)
            count = "1 split" if splits == 1 else f"{splits} splits"
            return f"inception score over {count} of {self.n // splits} images{few}, {order}"
        if metric == "FID":
            few = ", too few images for a covariance of full rank"
            return f"FID against {reference}" + few * (min(self.n, self.m) <= self.judge.extractor.features)
        if metric == "KID":
            few = _fewer(self.kid_subset_size, settings.kid_subset_size)
            return f"KID against {reference} in {settings.kid_subsets} subsets of {self.kid_subset_size}{few}"
        k = f"k = {self.neighbourhood}{_fewer(self.neighbourhood, settings.neighbourhood)}"
        if metric == "precision":
            return f"share of the images inside the manifold of {reference}, {k}"
        return f"share of {reference} inside the manifold of the images, {k}"


def split_of(metric: str, split: str) -> str | None:
    """The split that a metric is measured against: none for IS."""
    return None if metric == "IS" else split


def _fewer(used: int, asked: int) -> str:
    return f" (fewer than the {asked} asked for: too few images)" if used < asked else ""
