"""A small image classifier, whose features stand in for Inception's on small grey images."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

from ddpm.data.scaling import to_model
from ddpm.evaluation.protocol import FEATURES_OF_INCEPTION
from ddpm.network.execution import float32_products
from ddpm.progress import Progress
from ddpm.study.evaluation import ClassifierSettings

FEATURES = 64
# FID and the kernel of KID sum over features: 64 of this mean square weigh as much as 2048 of mean
# square 1, which brings the scores to a scale like that of Inception.
MEAN_SQUARE = FEATURES_OF_INCEPTION / FEATURES
_GRID = 4


class Classifier(nn.Module):
    """Three 3x3 convolutions, a layer of 64 features, and class logits, for images of any size.

    Args:
        image_shape: channels, height, width; height and width at least 2.
        classes: number of classes.
    """

    def __init__(self, image_shape: tuple[int, int, int], classes: int) -> None:
        super().__init__()
        self.image_shape, self.classes = image_shape, classes
        self.conv1 = nn.Conv2d(image_shape[0], 32, 3, padding=1)
        self.conv2 = nn.Conv2d(32, 64, 3, padding=1)
        self.conv3 = nn.Conv2d(64, 64, 3, padding=1)
        self.penultimate = nn.Linear(64 * _GRID * _GRID, FEATURES)
        self.logits = nn.Linear(FEATURES, classes)
        self.features_scale: Tensor
        self.register_buffer("features_scale", torch.ones(()))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """The features, after their ReLU and scaled, and the logits.

        Args:
            images: float32 [n, C, H, W] in [-1, 1].

        Returns:
            Features [n, 64], at least 0, and logits [n, classes].
        """
        hidden = functional.relu(self.conv1(images))
        hidden = functional.max_pool2d(functional.relu(self.conv2(hidden)), 2)
        hidden = functional.adaptive_avg_pool2d(functional.relu(self.conv3(hidden)), _GRID)
        features = functional.relu(self.penultimate(hidden.flatten(1)))
        return features * self.features_scale, self.logits(features)


@float32_products()
def train_classifier(
    images: np.ndarray, labels: np.ndarray, settings: ClassifierSettings, device: str = "cpu"
) -> Classifier:
    """Trains a classifier with Adam, its step size falling to 0 along a cosine.

    The features are scaled to mean square MEAN_SQUARE over the training images: a network's own scale
    is arbitrary, while FID grows with its square and KID's cubic kernel with its sixth power.
    Initial weights and batches come from a generator of their own, so the result depends on the
    arguments alone (bit for bit on one kind of processor with one number of threads).

    Args:
        images: uint8 [n, C, H, W].
        labels: int64 [n], classes 0..K-1.
        settings: epochs, batch size, step size, seed.
        device: "cpu" or "cuda".
    """
    generator = torch.Generator().manual_seed(settings.seed)
    channels, height, width = images.shape[1:]
    classifier = _initial((channels, height, width), int(labels.max()) + 1, generator).to(device).train()
    inputs, targets = to_model(torch.from_numpy(images)).to(device), torch.from_numpy(labels).to(device)
    optimizer = torch.optim.Adam(classifier.parameters(), lr=settings.learning_rate)
    updates = settings.epochs * -(-len(images) // settings.batch_size)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, updates)
    with Progress("train the classifier", updates, "steps") as progress:
        for _ in range(settings.epochs):
            order = torch.randperm(len(images), generator=generator).to(device)
            for batch in order.split(settings.batch_size):
                loss = functional.cross_entropy(classifier(inputs[batch])[1], targets[batch])
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                progress.advance()
    classifier.features_scale = _features_scale(classifier.eval(), images)
    return classifier


@float32_products()
def accuracy(classifier: Classifier, images: np.ndarray, labels: np.ndarray, batch_size: int = 500) -> float:
    """Share of images (uint8 [n, C, H, W]) whose largest logit is their label (int64 [n]), in [0, 1]."""
    guesses = torch.cat([logits.argmax(1) for _, logits in _outputs(classifier, images, batch_size)])
    return float((guesses.cpu().numpy() == labels).mean())


def empty_classifier(image_shape: tuple[int, int, int], classes: int) -> Classifier:
    """A classifier with unset weights; the global random state is not touched."""
    with torch.device("meta"):
        classifier = Classifier(image_shape, classes)
    return classifier.to_empty(device="cpu").eval()


def _initial(image_shape: tuple[int, int, int], classes: int, generator: torch.Generator) -> Classifier:
    """He et al.'s initial weights for ReLU, biases 0, features not scaled yet."""
    classifier = empty_classifier(image_shape, classes)
    nn.init.ones_(classifier.features_scale)
    for module in classifier.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu", generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    return classifier


def _outputs(
    classifier: Classifier, images: np.ndarray, batch_size: int = 500
) -> Iterator[tuple[Tensor, Tensor]]:
    """Features and logits, batch by batch."""
    device = next(classifier.parameters()).device
    for start in range(0, len(images), batch_size):
        batch = to_model(torch.from_numpy(images[start : start + batch_size])).to(device)
        with torch.no_grad():
            yield classifier(batch)


def _features_scale(classifier: Classifier, images: np.ndarray) -> Tensor:
    squares = torch.cat([features.square().mean(1) for features, _ in _outputs(classifier, images)])
    return (MEAN_SQUARE / squares.mean()).sqrt()
