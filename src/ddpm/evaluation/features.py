"""Feature extractors as torch-fidelity knows them, and the features of image sets.

Everything downstream takes a `FeatureExtractor`: the study's own classifier
(`ddpm.evaluation.classifier_features`), or Inception.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import Dataset

from ddpm.errors import WeightsError
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.network.execution import float32_products
from ddpm.progress import Progress
from ddpm.records.files import sha256
from ddpm.records.reading import require_readable
from ddpm.resources.registry import require_official, require_sha256
from ddpm.study.evaluation import InceptionSettings

OFFICIAL_WEIGHTS = "weights-inception-2015-12-05-6726825d.pth"


@dataclasses.dataclass(frozen=True)
class FeatureExtractor:
    """A feature extractor registered with torch-fidelity.

    Attributes:
        name: its name in torch-fidelity's registry.
        weights_path, weights_hash: its weights file and that file's SHA-256.
        features_layer: the layer that FID, KID, precision and recall compare.
        logits_layer: the layer whose softmax the inception score takes.
        features, classes: widths of the two layers.
        image_shape: [C, H, W] that it takes, or None for any.
        description: for the protocol text of measurements.
        published_images: images in the published scores by this extractor; None if there are none.
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
    published_images: int | None = None


def inception_extractor(settings: InceptionSettings) -> FeatureExtractor:
    """Inception of 2015-12-05 as torch-fidelity ports it, the paper's (section 4.1), with a file's weights.

    Raises:
        WeightsError: the file is missing, or holds more than tensors where another than the official one may
            be taken.
        ResourceError: it is not the one that the study pins, or config/resources.yaml names.
    """
    path = Path(settings.weights)
    remedy = f"run `ddpm fetch resources/{OFFICIAL_WEIGHTS}`, or name your copy in quality.features.weights"
    require_readable(path, WeightsError, f"there are no such Inception weights; {remedy}")
    if settings.is_official:
        require_official(path, OFFICIAL_WEIGHTS)
    else:
        if settings.sha256 is not None:
            require_sha256(path, settings.sha256)
        _require_tensors(path)
    digest = sha256(path)
    origin = "" if settings.is_official else "unofficial "
    return FeatureExtractor(
        name="inception-v3-compat",
        weights_path=path,
        weights_hash=digest,
        features_layer="2048",
        # The inception score's original code leaves the bias out.
        logits_layer="logits_unbiased",
        features=2048,
        classes=1008,
        image_shape=None,
        description=f"Inception-v3 of 2015-12-05 by torch-fidelity ({origin}weights {digest[:12]})",
        published_images=50_000,
    )


def _require_tensors(path: Path) -> None:
    """Raises WeightsError for a file that torch-fidelity, which unpickles it, could not read without harm."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
        if not all(isinstance(value, Tensor) for value in dict(content).values()):
            raise TypeError("it holds more than tensors by name")
    # Of a damaged file, torch raises almost anything.
    except Exception as error:
        reason = str(error).partition("\n")[0]
        raise WeightsError(
            f"{path}: is no file of weights alone ({reason}); files that run code when read are not opened: "
            "name a state_dict of torch-fidelity's Inception in quality.features.weights"
        ) from error


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


@float32_products()
def extract_features(
    images: np.ndarray,
    extractor: FeatureExtractor,
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
