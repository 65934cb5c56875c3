"""Feature extractors as torch-fidelity knows them, and the features of image sets.

Everything downstream takes an `Extractor`, so that Inception (which torch-fidelity registers itself as
"inception-v3-compat") can stand where the classifier stands now.
"""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ddpm.data.scaling import to_model
from ddpm.data.store import read_manifest
from ddpm.errors import WeightsError
from ddpm.evaluation.classifier import FEATURES
from ddpm.evaluation.classifier_file import load_classifier
from ddpm.files import sha256
from ddpm.progress import Progress
from ddpm.study import Study, layout
from ddpm.study.fingerprint import features_fingerprint
from ddpm.torchvision_import import prepare_torchvision

CLASSIFIER = "ddpm-classifier"
_FEATURES, _LOGITS = "features", "logits"


@dataclasses.dataclass(frozen=True)
class Extractor:
    """A feature extractor registered with torch-fidelity.

    Attributes:
        name: its name in torch-fidelity's registry.
        weights_path, weights_hash: its weights file and that file's SHA-256.
        features_layer: the layer that FID, KID, precision and recall compare.
        logits_layer: the layer whose softmax the inception score takes.
        features, classes: widths of the two layers.
        image_shape: [C, H, W] that it takes, or None for any.
        description: for the protocol text of measurements.
    """

    name: str
    weights_path: Path
    weights_hash: str
    features_layer: str
    logits_layer: str
    features: int
    classes: int
    image_shape: tuple[int, int, int] | None
    description: str


class ImageDataset(Dataset[Tensor]):
    """Images as torch-fidelity wants them: uint8 [3, H, W] each, a grey image repeated three times.

    Args:
        images: uint8 [n, C, H, W] with C 1 or 3.
        progress: counts the images as they are fetched.

    Raises:
        ValueError: another shape or dtype.
    """

    def __init__(self, images: np.ndarray, progress: Progress | None = None) -> None:
        if images.dtype != np.uint8 or images.ndim != 4 or images.shape[1] not in (1, 3):
            raise ValueError(
                f"images must be uint8 [n, 1 or 3, H, W], not {images.dtype} {list(images.shape)}"
            )
        self._images, self._progress = images, progress

    def __len__(self) -> int:
        return len(self._images)

    def __getitem__(self, index: int) -> Tensor:
        return torch.from_numpy(np.array(self._images[index])).expand(3, -1, -1)

    def __getitems__(self, indices: list[int]) -> list[Tensor]:
        """A whole batch at once, which DataLoader prefers."""
        if self._progress is not None:
            self._progress.advance(len(indices))
        return [self[index] for index in indices]


def classifier_extractor(study: Study) -> Extractor:
    """The study's trained classifier as an extractor, registered with torch-fidelity.

    Raises:
        WeightsError: its file is missing, truncated, another network's, or was trained under other settings
            or on other data than the study has now.
        DataError: the manifest of its data set cannot be read.
    """
    path = layout.path(layout.FEATURES, study.name)
    remedy = f"run `ddpm features {study.file}`"
    _, record = load_classifier(path, remedy)
    if record.settings != features_fingerprint(study):
        raise WeightsError(
            f"{path}: was trained under other settings than quality.features has now; {remedy}"
        )
    if record.data_hash != read_manifest(study, study.quality.features.dataset)["data_hash"]:
        raise WeightsError(f"{path}: was trained on other data than the study has now; {remedy}")
    weights_hash = sha256(path)
    return Extractor(
        name=register_classifier(),
        weights_path=path,
        weights_hash=weights_hash,
        features_layer=_FEATURES,
        logits_layer=_LOGITS,
        features=FEATURES,
        classes=record.classes,
        image_shape=record.image_shape,
        description=(
            f"{FEATURES} scaled features of a {study.quality.features.dataset} classifier "
            f"(test accuracy {record.accuracy:.3f}, weights {weights_hash[:12]})"
        ),
    )


@functools.cache
def register_classifier() -> str:
    """Registers the classifier with torch-fidelity, once, and returns its name there."""
    prepare_torchvision()
    from torch_fidelity import FeatureExtractorBase, register_feature_extractor

    class ClassifierFeatures(FeatureExtractorBase):  # type: ignore[misc, unused-ignore]
        """The classifier at `feature_extractor_weights_path`; features and logits in float64."""

        def __init__(
            self, name: str, features_list: list[str], feature_extractor_weights_path: str, **_: Any
        ) -> None:
            super().__init__(name, features_list)
            self.classifier, _record = load_classifier(feature_extractor_weights_path)

        @staticmethod
        def get_provided_features_list() -> tuple[str, ...]:
            return (_FEATURES, _LOGITS)

        @staticmethod
        def get_default_feature_layer_for_metric(metric: str) -> str:
            return _LOGITS if metric == "isc" else _FEATURES

        @staticmethod
        def can_be_compiled() -> bool:
            return False

        @staticmethod
        def get_dummy_input_for_compile() -> Tensor:
            return torch.zeros(1, 3, 8, 8, dtype=torch.uint8)

        def forward(self, images: Tensor) -> tuple[Tensor, ...]:
            """Features of uint8 [n, 3, H, W]; a grey image's three channels are one again."""
            channels = self.classifier.image_shape[0]
            features, logits = self.classifier(to_model(images[:, :channels]))
            layers = {_FEATURES: features.double(), _LOGITS: logits.double()}
            return tuple(layers[name] for name in self.features_list)

    register_feature_extractor(CLASSIFIER, ClassifierFeatures)
    return CLASSIFIER


def extract_features(
    images: np.ndarray,
    extractor: Extractor,
    batch_size: int,
    device: str = "cpu",
    progress: Progress | None = None,
) -> np.ndarray:
    """The extractor's features of images, float64 [n, features].

    Args:
        images: uint8 [n, C, H, W].
        extractor: a registered extractor.
        batch_size: images in one network call.
        device: "cpu" or "cuda".
        progress: counts the images.
    """
    prepare_torchvision()
    from torch_fidelity.utils import create_feature_extractor

    module = create_feature_extractor(
        extractor.name,
        [extractor.features_layer],
        cuda=device == "cuda",
        feature_extractor_weights_path=str(extractor.weights_path),
        verbose=False,
    )
    features = np.empty((len(images), extractor.features))
    loader = torch.utils.data.DataLoader(ImageDataset(images, progress), batch_size)
    start = 0
    with torch.inference_mode():
        for batch in loader:
            (values,) = module(batch.to(device))
            features[start : start + len(batch)] = values.cpu().numpy()
            start += len(batch)
    return features
