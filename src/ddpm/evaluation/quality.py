"""Sample quality through torch-fidelity: inception score, FID, KID, precision and recall.

torch-fidelity is told all that it would otherwise assume: the device, the extractor and its weights (it
downloads them if unnamed), a seed, and cache names that hold the content's hash (its cache looks at names
alone and would hand out another set's features).
"""

from __future__ import annotations

import contextlib
import math
import tempfile
from collections.abc import Collection, Iterator
from pathlib import Path

import numpy as np

from ddpm.data.arrays import content_hash
from ddpm.errors import DataError
from ddpm.evaluation.feature_cache import FeatureCache
from ddpm.evaluation.features import Extractor, ImageDataset, open_extractor
from ddpm.evaluation.protocol import METRICS, Judge, Protocol, Score, split_of
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.graph import layout
from ddpm.network.execution import float32_products
from ddpm.progress import Progress
from ddpm.study import Study
from ddpm.study.evaluation import QualitySettings


@contextlib.contextmanager
def open_judge(
    extractor: Extractor, settings: QualitySettings, device: str = "cpu", lasting: Path | None = None
) -> Iterator[Judge]:
    """A judge that computes the features of each set of images once; they are kept until it is closed.

    Args:
        extractor: whose features are compared.
        settings: sizes of batches, splits and subsets.
        device: "cpu" or "cuda".
        lasting: folder in which the features of reference images outlast the judge; None for none.
    """
    with tempfile.TemporaryDirectory(prefix="ddpm-features-") as folder:
        yield Judge(extractor, settings, device, FeatureCache(Path(folder), lasting))


@contextlib.contextmanager
def open_study_judge(study: Study, device: str = "cpu") -> Iterator[Judge]:
    """The judge of a study's samples; Inception's features of real images are computed once for all jobs.

    Raises:
        WeightsError, DataError: the extractor's weights are missing, damaged, or of other settings.
    """
    costly = study.quality.features.kind == "inception"
    lasting = layout.path(layout.FEATURE_CACHE, study.name) if costly else None
    with open_judge(open_extractor(study), study.quality, device, lasting) as judge:
        yield judge


@float32_products()
def measure_quality(
    generated: np.ndarray,
    reference: np.ndarray,
    split: str,
    judge: Judge,
    metrics: Collection[str] = METRICS,
    *,
    shuffle: bool = False,
    progress: Progress | None = None,
) -> list[Score]:
    """Judges images by themselves and against a reference set.

    Args:
        generated: uint8 [n, C, H, W], the images that are judged; at least 2.
        reference: uint8 [m, C, H, W], at least 2.
        split: which split of the data the reference is; names it in the scores.
        judge: how they are judged.
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
    _check(generated, reference, judge.extractor)
    prepare_torchvision()
    import torch_fidelity

    protocol = Protocol(len(generated), len(reference), split, judge, shuffle)
    reference_name = _content_name(reference, judge)
    if judge.cache.take(reference_name) and progress is not None:
        progress.advance(len(reference))
    values = torch_fidelity.calculate_metrics(
        input1=ImageDataset(generated, progress),
        input2=ImageDataset(reference, progress),
        input1_cache_name=_content_name(generated, judge),
        input2_cache_name=reference_name,
        isc="IS" in metrics,
        fid="FID" in metrics,
        kid="KID" in metrics,
        prc="precision" in metrics or "recall" in metrics,
        **protocol.options(),
    )
    judge.cache.keep(reference_name)
    return [protocol.score(metric, values) for metric in METRICS if metric in metrics]


def missing_scores(metrics: Collection[str], split: str, reason: str) -> list[Score]:
    """Scores of a set that does not exist: NaN of 0 images, with the reason as protocol."""
    wanted = [metric for metric in METRICS if metric in metrics]
    return [Score(metric, split_of(metric, split), math.nan, None, 0, reason) for metric in wanted]


def _content_name(images: np.ndarray, judge: Judge) -> str:
    """A cache name that changes with the images, the extractor's weights, and how it is computed."""
    return f"{content_hash(images)[:32]}-{judge.extractor.weights_hash[:32]}-float32"


def _check(generated: np.ndarray, reference: np.ndarray, extractor: Extractor) -> None:
    for name, images in (("images to judge", generated), ("reference images", reference)):
        if len(images) < 2:
            raise DataError(f"{len(images)} {name}: at least 2 are needed; raise sampling.images")
        if extractor.image_shape is not None and images.shape[1:] != extractor.image_shape:
            raise DataError(
                f"the {name} have shape {list(images.shape[1:])}, but the features of "
                f"{extractor.weights_path} are for {list(extractor.image_shape)}; set "
                "quality.features.dataset to a data set of that shape"
            )
