import numpy as np
import pytest
import torch

from ddpm.data.scaling import to_model
from ddpm.evaluation.classifier_features import load_classifier, register_classifier
from ddpm.evaluation.features import ImageDataset, extract_features


def test_grey_images_are_shown_with_three_channels(train):
    dataset = ImageDataset(train)
    assert len(dataset) == len(train)
    assert dataset[3].shape == (3, 8, 8)
    assert dataset[3].dtype == torch.uint8
    assert all(np.array_equal(channel, train[3, 0]) for channel in dataset[3])


def test_colour_images_stay_as_they_are():
    images = np.random.default_rng(0).integers(0, 256, (4, 3, 8, 8), np.uint8)
    assert np.array_equal(ImageDataset(images)[1], images[1])


@pytest.mark.parametrize(
    "images", [np.zeros((2, 1, 8, 8)), np.zeros((2, 2, 8, 8), np.uint8), np.zeros((2, 8, 8), np.uint8)]
)
def test_what_torch_fidelity_would_misread_is_refused(images):
    with pytest.raises(ValueError, match="uint8"):
        ImageDataset(images)


def test_the_extractor_gives_the_classifiers_features(extractor, train):
    classifier, _ = load_classifier(extractor.weights_path)
    with torch.no_grad():
        expected, _ = classifier(to_model(torch.from_numpy(train[:100])))
    features = extract_features(train[:100], extractor, batch_size=33)
    assert features.dtype == np.float64
    np.testing.assert_allclose(features, expected.numpy(), rtol=1e-4, atol=1e-4)


def test_it_is_registered_once():
    assert register_classifier() == register_classifier()
