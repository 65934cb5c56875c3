"""The trained classifier as a file and as a feature extractor of torch-fidelity.

The file holds safetensors weights that carry accuracy, settings, data, and a hash of it all.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.errors import WeightsError
from ddpm.evaluation.classifier import FEATURES, Classifier, empty_classifier
from ddpm.evaluation.features import FeatureExtractor
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.network.weights import weights_hash
from ddpm.records.files import sha256, write_bytes
from ddpm.records.reading import require_readable

CLASSIFIER = "ddpm-classifier"
_FEATURES, _LOGITS = "features", "logits"
# One key: the order of several keys in a safetensors header is not fixed, and the file's hash would vary.
_KEY = "classifier"
_HASH = "hash"


@dataclasses.dataclass(frozen=True)
class ClassifierRecord:
    """What a classifier's file says of itself.

    Attributes:
        image_shape: channels, height, width.
        classes: number of classes.
        accuracy: on the test split, in [0, 1].
        settings: `ddpm.graph.fingerprint.features_fingerprint`.
        data_hash: of the data set that it was trained on.
        git_commit, hardware: as in `ddpm.records.provenance`.
    """

    image_shape: tuple[int, int, int]
    classes: int
    accuracy: float
    settings: str
    data_hash: str
    git_commit: str
    hardware: str


def save_classifier(path: str | Path, classifier: Classifier, record: ClassifierRecord) -> None:
    """Writes weights, record and the hash of both to a safetensors file, atomically."""
    weights = {name: value.detach().cpu().contiguous() for name, value in classifier.state_dict().items()}
    content = json.loads(json.dumps(dataclasses.asdict(record)))
    content[_HASH] = _hash(weights, content)
    write_bytes(path, save(weights, {_KEY: json.dumps(content, sort_keys=True)}))


def load_classifier(path: str | Path, remedy: str = "train it again") -> tuple[Classifier, ClassifierRecord]:
    """Reads what `save_classifier` wrote, ready for evaluation.

    Args:
        path: the safetensors file.
        remedy: what the error message tells the user to do.

    Raises:
        WeightsError: the file is missing, truncated, altered, or holds another network. (A file without a
            hash, from before there was one, is not checked for alterations.)
    """
    require_readable(path, WeightsError, f"there is no trained classifier; {remedy}")
    try:
        with safe_open(path, framework="pt") as file:
            metadata = file.metadata() or {}
            weights = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise WeightsError(f"{path}: truncated or not a safetensors file ({error}); {remedy}") from error
    if _KEY not in metadata:
        raise WeightsError(f"{path}: these are not the weights of a classifier; {remedy}")
    record = _record(path, metadata[_KEY], weights, remedy)
    classifier = empty_classifier(record.image_shape, record.classes)
    _fill(classifier, weights, f"{path}: these are the weights of another network", remedy)
    return classifier, record


def _hash(weights: Mapping[str, Tensor], content: Mapping[str, Any]) -> str:
    """SHA-256 of the tensors and of what the record says of them."""
    record = json.dumps({key: value for key, value in content.items() if key != _HASH}, sort_keys=True)
    return hashlib.sha256(f"{weights_hash(weights)} {record}".encode()).hexdigest()


def _record(path: str | Path, text: str, weights: Mapping[str, Tensor], remedy: str) -> ClassifierRecord:
    try:
        content = json.loads(text)
        if content.get(_HASH, digest := _hash(weights, content)) != digest:
            raise WeightsError(f"{path}: its content differs from the hash written with it; {remedy}")
        content.pop(_HASH, None)
        channels, height, width = content.pop("image_shape")
        return ClassifierRecord(image_shape=(channels, height, width), **content)
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise WeightsError(f"{path}: its record cannot be read ({error}); {remedy}") from error


def _fill(classifier: Classifier, weights: dict[str, Tensor], problem: str, remedy: str) -> None:
    expected = {name: (value.shape, value.dtype) for name, value in classifier.state_dict().items()}
    if expected != {name: (value.shape, value.dtype) for name, value in weights.items()}:
        raise WeightsError(f"{problem}; {remedy}")
    classifier.load_state_dict(weights)


def classifier_extractor(
    path: Path, dataset: str, settings: str, data_hash: str, remedy: str
) -> FeatureExtractor:
    """A trained classifier as an extractor, registered with torch-fidelity.

    Args:
        path: its file.
        dataset: the name of the data set that it was trained on.
        settings, data_hash: what it must have been trained under and on.
        remedy: what error messages tell the user to do.

    Raises:
        WeightsError: the file is missing, truncated, another network's, or was trained under other settings
            or on other data.
    """
    _, record = load_classifier(path, remedy)
    if record.settings != settings:
        raise WeightsError(
            f"{path}: was trained under other settings than quality.features has now; {remedy}"
        )
    if record.data_hash != data_hash:
        raise WeightsError(f"{path}: was trained on other data than the study has now; {remedy}")
    digest = sha256(path)
    return FeatureExtractor(
        name=register_classifier(),
        weights_path=path,
        weights_hash=digest,
        features_layer=_FEATURES,
        logits_layer=_LOGITS,
        features=FEATURES,
        classes=record.classes,
        image_shape=record.image_shape,
        description=(
            f"{FEATURES} scaled features of a classifier of {dataset} "
            f"(test accuracy {record.accuracy:.3f}, weights {digest[:12]})"
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
