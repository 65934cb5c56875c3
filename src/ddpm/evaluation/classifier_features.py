"""The study's own classifier as a feature extractor of torch-fidelity."""

from __future__ import annotations

import functools
from typing import Any

import torch
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.data.store import read_manifest
from ddpm.errors import WeightsError
from ddpm.evaluation.classifier import FEATURES
from ddpm.evaluation.classifier_file import load_classifier
from ddpm.evaluation.features import Extractor
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.graph import layout
from ddpm.graph.fingerprint import features_fingerprint
from ddpm.records.files import sha256
from ddpm.study import Study
from ddpm.study.evaluation import ClassifierSettings

CLASSIFIER = "ddpm-classifier"
_FEATURES, _LOGITS = "features", "logits"


def classifier_extractor(study: Study, settings: ClassifierSettings) -> Extractor:
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
    if record.data_hash != read_manifest(study, settings.dataset)["data_hash"]:
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
            f"{FEATURES} scaled features of a {settings.dataset} classifier "
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
