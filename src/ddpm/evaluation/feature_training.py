"""Training the study's feature extractor and refusing one that judges badly."""

from __future__ import annotations

from ddpm.data.store import read_images, read_labels, read_manifest
from ddpm.errors import DataError, StudyError, WeightsError
from ddpm.evaluation.classifier import Classifier, accuracy, train_classifier
from ddpm.evaluation.classifier_file import ClassifierRecord
from ddpm.graph.fingerprint import features_fingerprint
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study


def train_features(study: Study, device: str = "cpu") -> tuple[Classifier, ClassifierRecord]:
    """Trains the classifier of `quality.features` and measures it on the test split.

    Raises:
        StudyError: the study's features are not a classifier's.
        DataError: the data set is missing, damaged, or has fewer than two classes.
        WeightsError: its test accuracy is below `required_accuracy`.
    """
    settings = study.quality.features
    if settings.kind != "classifier":
        raise StudyError(
            f"{study.file}: quality.features: {settings.kind} weights are fetched, not trained: "
            f"run `ddpm fetch {settings.weights}`"
        )
    manifest = read_manifest(study, settings.dataset)
    labels = read_labels(study, settings.dataset, "train")
    if labels.min() < 0 or labels.max() < 1:
        raise DataError(
            f"datasets.{settings.dataset}: a classifier needs labels 0..K-1 of at least two classes"
        )
    classifier = train_classifier(read_images(study, settings.dataset, "train"), labels, settings, device)
    reached = accuracy(
        classifier, read_images(study, settings.dataset, "test"), read_labels(study, settings.dataset, "test")
    )
    if reached < settings.required_accuracy:
        raise WeightsError(
            f"{study.file}: quality.features: the classifier reaches a test accuracy of {reached:.3f}, below "
            f"required_accuracy {settings.required_accuracy}; raise epochs or change learning_rate"
        )
    return classifier, ClassifierRecord(
        image_shape=classifier.image_shape,
        classes=classifier.classes,
        accuracy=reached,
        settings=features_fingerprint(study),
        data_hash=manifest["data_hash"],
        git_commit=git_commit(),
        hardware=hardware(device),
    )
