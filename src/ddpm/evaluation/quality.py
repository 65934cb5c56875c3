"""Sample quality through torch-fidelity: inception score, FID, KID, precision and recall.

torch-fidelity is told all that it would otherwise assume: the device, the extractor and its weights (it
downloads them if unnamed), a seed, and cache names that hold the content's hash (its cache looks at names
alone and would hand out another set's features).
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib.metadata
import tempfile
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ddpm.data.arrays import content_hash
from ddpm.errors import DataError
from ddpm.evaluation.feature_cache import FeatureCache
from ddpm.evaluation.features import FeatureExtractor, ImageDataset
from ddpm.evaluation.protocol import METRICS, Protocol, Score, missing_scores
from ddpm.evaluation.samples import Samples
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.network.execution import float32_products
from ddpm.progress import Progress
from ddpm.study.evaluation import QualitySettings


@dataclasses.dataclass(frozen=True)
class Evaluator:
    """How images are evaluated: the extractor, the settings, the device, and where features are kept.

    Attributes:
        extractor: whose features are compared.
        settings: sizes of batches, splits and subsets.
        device: "cpu" or "cuda".
        cache: where torch-fidelity keeps features, under names that hold the content's hash.
    """

    extractor: FeatureExtractor
    settings: QualitySettings
    device: str
    cache: FeatureCache

    def cache_name(self, images: np.ndarray) -> str:
        """A name that changes with the images, the extractor's weights, and how features are computed."""
        version = importlib.metadata.version("torch-fidelity")
        return f"{content_hash(images)[:32]}-{self.extractor.weights_hash[:32]}-float32-{version}"


@contextlib.contextmanager
def open_evaluator(
    extractor: FeatureExtractor, settings: QualitySettings, device: str = "cpu", lasting: Path | None = None
) -> Iterator[Evaluator]:
    """An evaluator that computes the features of each set of images once; they are kept until it is closed.

    `lasting` is a folder in which the features of reference images outlast it; None for none.
    """
    with tempfile.TemporaryDirectory(prefix="ddpm-features-") as folder:
        yield Evaluator(extractor, settings, device, FeatureCache(Path(folder), lasting))


@float32_products()
def measure_quality(
    generated: np.ndarray,
    reference: np.ndarray,
    split: str,
    evaluator: Evaluator,
    metrics: Collection[str] = METRICS,
    *,
    shuffle: bool = False,
    progress: Progress | None = None,
) -> list[Score]:
    """Scores images by themselves and against a reference set.

    Args:
        generated: uint8 [n, C, H, W], the images that are evaluated; at least 2.
        reference: uint8 [m, C, H, W], at least 2.
        split: which split of the data the reference is; names it in the scores.
        evaluator: how they are evaluated.
        metrics: some of METRICS.
        shuffle: deal the images to the inception score's splits in a fixed random order; for images that
            may be sorted. Independent samples are taken as they come, as the paper does.
        progress: counts the images whose features are computed.

    Returns:
        One score for each metric, in the order of METRICS. IS has no split. The spread of IS is the
        standard deviation over its splits, that of KID over its subsets. KID is unbiased, so it can lie
        below 0.

    Raises:
        DataError: too few images, or images that the extractor does not take.
    """
    _check(generated, reference, evaluator.extractor)
    prepare_torchvision()
    import torch_fidelity

    protocol = Protocol(len(generated), len(reference), split, evaluator, shuffle)
    reference_name = evaluator.cache_name(reference)
    if evaluator.cache.take(reference_name) and progress is not None:
        progress.advance(len(reference))
    values = torch_fidelity.calculate_metrics(
        input1=ImageDataset(generated, progress),
        input2=ImageDataset(reference, progress),
        input1_cache_name=evaluator.cache_name(generated),
        input2_cache_name=reference_name,
        **protocol.options(metrics),
    )
    evaluator.cache.keep(reference_name)
    return [protocol.score(metric, values) for metric in METRICS if metric in metrics]


class ImageSet(NamedTuple):
    """Images uint8 [n, C, H, W], the split that they are compared with, and by which metrics."""

    images: np.ndarray
    split: str
    metrics: Collection[str]


def measure_sets(
    sets: Sequence[ImageSet],
    references: Mapping[str, np.ndarray],
    evaluator: Evaluator,
    title: str,
    *,
    shuffle: bool = False,
) -> list[list[Score]]:
    """`measure_quality` of each set against the images of its split; the title is for the progress line."""
    arrays = [array for given in sets for array in (given.images, references[given.split])]
    total = sum({id(array): len(array) for array in arrays}.values())
    measured, kept = [], {id(array) for array in references.values()}
    with Progress(title, total, "images") as progress:
        for place, (images, split, metrics) in enumerate(sets):
            reference = references[split]
            scores = measure_quality(
                images, reference, split, evaluator, metrics, shuffle=shuffle, progress=progress
            )
            measured.append(scores)
            later = {id(given.images) for given in sets[place + 1 :]}
            # 20 columns of 50,000 images are 8 GB of features.
            if id(images) not in later | kept:
                evaluator.cache.drop(evaluator.cache_name(images))
    return measured


def measure_samples(
    samples: Samples,
    sets: Sequence[ImageSet],
    references: Mapping[str, np.ndarray],
    evaluator: Evaluator,
    title: str,
    note: str = "",
) -> list[list[Score]]:
    """`measure_sets` for a model's samples; value NaN and n 0 if training diverged or no sample is finite.

    `note` is what more the scores say of the samples.
    """
    if not samples.finite:
        reason = f"not measured: training {samples.status}, so there are no samples"
        if len(samples.images):
            reason = f"not measured: none of the {len(samples.images):,} samples is finite"
        return [missing_scores(metrics, split, reason) for _, split, metrics in sets]
    measured = measure_sets(sets, references, evaluator, title)
    notes = [note] if note else []
    if samples.non_finite:
        notes.append(f"{samples.non_finite} samples were not finite and count as mid-grey")
    return (
        [[score.noting("; ".join(notes)) for score in scores] for scores in measured] if notes else measured
    )


def _check(generated: np.ndarray, reference: np.ndarray, extractor: FeatureExtractor) -> None:
    for name, images in (("generated images", generated), ("reference images", reference)):
        if len(images) < 2:
            raise DataError(f"{len(images)} {name}: at least 2 are needed; raise sampling.images")
        if extractor.image_shape is not None and images.shape[1:] != extractor.image_shape:
            raise DataError(
                f"the {name} have shape {list(images.shape[1:])}, but the features of "
                f"{extractor.weights_path} are for {list(extractor.image_shape)}; set "
                "quality.features.dataset to a data set of that shape"
            )
