"""Train the classifier whose features the samples are evaluated by."""

from __future__ import annotations

import argparse
import logging

from ddpm.errors import DataError, StudyError, WeightsError
from ddpm.graph import layout
from ddpm.graph.fingerprint import features_fingerprint
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "evaluate"
EXAMPLES = ("ddpm features config/demo.yaml",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb has no arguments of its own."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the classifier, or refuses one whose test accuracy is too low."""
    settings = study.quality.features
    if settings.kind == "none":
        raise StudyError(f"{study.file}: quality.features.kind is none: there is no classifier to train")
    if settings.kind != "classifier":
        raise StudyError(
            f"{study.file}: quality.features: {settings.kind} weights are fetched, not trained: "
            f"run `ddpm fetch {settings.weights}`"
        )
    from ddpm.data.store import read_labels
    from ddpm.evaluation.classifier import accuracy, train_classifier
    from ddpm.evaluation.classifier_features import ClassifierRecord, save_classifier
    from ddpm.evaluation.job import Job

    fingerprint, device = features_fingerprint(study), arguments.device
    job = Job(study=study, dataset=settings.dataset, settings=fingerprint, device=device)
    path = job.output(layout.FEATURES)
    labels = read_labels(study, job.dataset, "train")
    if labels.min() < 0 or labels.max() < 1:
        raise DataError(
            f"{study.file}: quality.features.dataset: {job.dataset} has no two classes, which a "
            "classifier learns to tell apart; name labelled images, or `kind: inception` or `none`"
        )
    classifier = train_classifier(job.images("train"), labels, settings, device)
    reached = accuracy(classifier, job.images("test"), read_labels(study, job.dataset, "test"))
    if reached < settings.required_accuracy:
        raise WeightsError(
            f"{study.file}: quality.features: the classifier reaches a test accuracy of {reached:.3f}, below "
            f"required_accuracy {settings.required_accuracy}: its features would judge samples badly. Raise "
            "epochs, change learning_rate, add images, or lower required_accuracy; `kind: none` does without "
            "a judge"
        )
    record = ClassifierRecord(
        image_shape=classifier.image_shape,
        classes=classifier.classes,
        accuracy=reached,
        settings=fingerprint,
        data_hash=job.data_hash,
        git_commit=git_commit(*study.files),
        hardware=hardware(device),
    )
    save_classifier(path, classifier, record)
    logger.info(f"features: the classifier's test accuracy is {reached:.3f}")
