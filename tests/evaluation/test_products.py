"""Whatever samples were drawn in, evaluation multiplies in float32: TF32 is off, and on again afterwards."""

import numpy as np
import pytest
import torch

from ddpm.evaluation.classifier import Classifier, accuracy, train_classifier
from ddpm.evaluation.features import extract_features
from ddpm.evaluation.protocol import METRICS
from ddpm.evaluation.quality import measure_quality
from ddpm.network.execution import Execution, float32_products
from ddpm.network.unet import UNet
from ddpm.study.evaluation import ClassifierSettings

BACKENDS = torch.backends.cuda.matmul, torch.backends.cudnn
IMAGES = np.zeros((4, 1, 8, 8), np.uint8)
LABELS = np.array([0, 1, 0, 1])


def allowed() -> list[bool]:
    return [backend.allow_tf32 for backend in BACKENDS]


@pytest.fixture(autouse=True)
def of_sampling_in_tf32():
    before = allowed()
    Execution("tf32").apply(UNet((1, 8, 8), 8, (1,), 1, (), groups=4))
    assert allowed() == [True, True]
    yield
    assert allowed() == [True, True]
    for backend, value in zip(BACKENDS, before, strict=True):
        backend.allow_tf32 = value


def test_restored_after_an_error():
    @float32_products()
    def fail():
        assert allowed() == [False, False]
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()


@pytest.fixture
def flags(monkeypatch) -> list[list[bool]]:
    """What was allowed at each call of the classifier."""
    seen, forward = [], Classifier.forward
    monkeypatch.setattr(Classifier, "forward", lambda *given: (seen.append(allowed()), forward(*given))[1])
    return seen


def test_training_and_accuracy_of_the_classifier(flags):
    settings = ClassifierSettings(kind="classifier", dataset="digits", epochs=1, batch_size=4)
    trained = train_classifier(IMAGES, LABELS, settings)
    updates = len(flags)
    accuracy(trained, IMAGES, LABELS)
    assert 0 < updates < len(flags)
    assert all(flag == [False, False] for flag in flags)


def test_features(extractor, flags):
    extract_features(IMAGES, extractor, 4)
    assert flags == [[False, False]]


def test_scores(evaluator, monkeypatch):
    import torch_fidelity

    seen = []
    compute = torch_fidelity.calculate_metrics

    def watched(**given):
        seen.append((allowed(), given))
        return compute(**given)

    monkeypatch.setattr(torch_fidelity, "calculate_metrics", watched)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (40, 1, 8, 8), np.uint8)
    scores = measure_quality(images, images[::-1].copy(), "train", evaluator, METRICS)
    [(products, given)] = seen
    assert products == [False, False]
    assert all("in float32" in score.protocol for score in scores)
    # Features that were computed in another way are not taken for these.
    assert given["input1_cache_name"].rpartition("-")[0].endswith("-float32")
    assert given["input2_cache_name"].rpartition("-")[0].endswith("-float32")
