"""Inception of 2015-12-05 as torch-fidelity ports it: the judge of the paper's samples (section 4.1)."""

from __future__ import annotations

from pathlib import Path

from ddpm.errors import WeightsError
from ddpm.evaluation.features import Extractor
from ddpm.records.files import sha256
from ddpm.resources.registry import require_official
from ddpm.study.evaluation import InceptionSettings

# torch-fidelity's names: the network, its 2,048 pooled features, and its logits without their bias, which
# the inception score's original code leaves out.
NAME = "inception-v3-compat"
FEATURES_LAYER, LOGITS_LAYER = "2048", "logits_unbiased"
FEATURES, CLASSES = 2048, 1008
OFFICIAL_WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"
PUBLISHED_IMAGES = 50_000


def inception_extractor(settings: InceptionSettings) -> Extractor:
    """Inception with the weights of a file; torch-fidelity registers the network itself.

    Raises:
        WeightsError: the file is missing.
        ResourceError: it is not the one that config/resources.yaml names, and `official` is true.
    """
    path = Path(settings.weights)
    remedy = f"run `ddpm fetch resources/{OFFICIAL_WEIGHTS}`, or name your copy in quality.features.weights"
    if not path.is_file():
        raise WeightsError(f"{path}: there are no such Inception weights; {remedy}")
    if settings.official:
        require_official(path, OFFICIAL_WEIGHTS)
    digest = sha256(path)
    origin = "" if settings.official else "unofficial "
    return Extractor(
        name=NAME,
        weights_path=path,
        weights_hash=digest,
        features_layer=FEATURES_LAYER,
        logits_layer=LOGITS_LAYER,
        features=FEATURES,
        classes=CLASSES,
        image_shape=None,
        description=f"Inception-v3 of 2015-12-05 by torch-fidelity ({origin}weights {digest[:12]})",
        published_images=PUBLISHED_IMAGES,
    )
