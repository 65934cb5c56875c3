"""Train the classifier whose features judge the samples."""

from __future__ import annotations

import argparse
import logging

from ddpm.graph import layout
from ddpm.study import Study

logger = logging.getLogger("ddpm")

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The verb has no arguments of its own."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the classifier, or refuses one whose test accuracy is too low."""
    from ddpm.evaluation.classifier_file import save_classifier
    from ddpm.evaluation.feature_training import train_features
    from ddpm.records.files import require_writable

    path = layout.path(layout.FEATURES, study.name)
    require_writable(path.parent)
    classifier, record = train_features(study, arguments.device)
    save_classifier(path, classifier, record)
    logger.info(f"features: the classifier's test accuracy is {record.accuracy:.3f}")
