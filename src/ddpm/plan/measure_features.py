"""Speed of the Inception network, where its weights lie ready."""

from __future__ import annotations

import logging
import time
from pathlib import Path

import numpy as np

from ddpm.errors import DDPMError
from ddpm.study import Study, dependencies

logger = logging.getLogger("ddpm")
# Images of a short and of a long run, whose difference leaves out the loading of the network.
FEW, MORE = 4, 20


def measured_features(study: Study, device: str) -> float | None:
    """Seconds of an image through Inception, or None if it cannot be measured here.

    The small classifier of other studies is not there before the workflow has trained it, and costs
    next to nothing.
    """
    weights = dependencies.features_file(study)
    if study.quality.features.kind != "inception" or not Path(weights).exists():
        return None
    try:
        return _seconds(study, device)
    except (DDPMError, ImportError) as error:
        logger.warning("the feature extractor is not measured: %s", error)
        return None


def _seconds(study: Study, device: str) -> float:
    from ddpm.evaluation.features import extract_features, open_extractor

    extractor = open_extractor(study)
    rng = np.random.default_rng(0)
    shape = next(iter(study.datasets.values())).image_shape
    images = rng.integers(0, 256, (MORE, *shape), dtype=np.uint8)
    times = []
    # The first run warms up.
    for count in (FEW, FEW, MORE):
        started = time.perf_counter()
        extract_features(images[:count], extractor, study.quality.batch_size, device)
        times.append(time.perf_counter() - started)
    return max(times[2] - times[1], times[2] / MORE / 10) / (MORE - FEW)
