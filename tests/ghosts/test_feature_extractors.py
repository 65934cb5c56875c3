"""The feature extractors would pass on a GPU."""

import ghosts
import torch
from inception_weights import untrained_inception
from torch.nn import functional

from ddpm.evaluation.classifier import Classifier

IMAGES = 8


def test_training_the_classifier():
    classifier = Classifier((1, 8, 8), 10).to("meta")
    optimiser = torch.optim.Adam(classifier.parameters())
    images = torch.empty(IMAGES, 1, 8, 8, device="meta")
    labels = torch.empty(IMAGES, dtype=torch.int64, device="meta")
    with ghosts.ghosts() as counts:
        functional.cross_entropy(classifier(images)[1], labels).backward()
        optimiser.step()
    assert counts["aten.convolution_backward.default"] == 3
    assert all(parameter.is_meta for parameter in classifier.parameters())


def test_inception(tmp_path):
    with torch.device("meta"):
        inception = untrained_inception(tmp_path / "weights.pth")
    images = torch.empty(IMAGES, 3, 32, 32, dtype=torch.uint8, device="meta")
    with ghosts.ghosts() as counts, torch.no_grad():
        features, logits = inception(images)
    assert counts["aten.convolution.default"] == 94
    assert (features.shape, logits.shape) == ((IMAGES, 2048), (IMAGES, 1008))
