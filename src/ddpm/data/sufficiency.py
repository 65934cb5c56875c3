"""Whether a data set suffices for what the study measures on it; asked before anything is trained."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from ddpm.errors import DataError
from ddpm.study import Study

# FID, KID, precision and recall compare sets of images.
FEWEST_COMPARED = 2
FEWEST_OF_A_CLASS = 2


def require_enough_images(study: Study, dataset: str, train: np.ndarray, test: np.ndarray) -> None:
    """Checks the number of images, and the classes that the classifier of `quality.features` learns.

    Args:
        study: the study.
        dataset: the name of the data set.
        train, test: the labels of its images, int64 [n].

    Raises:
        DataError: a split has too few, or lacks one that a figure shows; there are no two classes, or one has
            too few images.
    """
    judged = {study.model(model).dataset for model in study.judged_models}
    labels = {"train": train, "test": test}
    splits = labels if study.datasets[dataset].has_test_images else {"train": train}
    for split, of_split in splits.items():
        if dataset in judged and len(of_split) < FEWEST_COMPARED:
            raise DataError(
                f"{_where(study, dataset, split)} has {len(of_split)} images; FID and the other measures "
                f"compare at least {FEWEST_COMPARED}: add images"
            )
    _require_shown_images(study, dataset, {split: len(of_split) for split, of_split in labels.items()})
    features = study.quality.features
    if judged and features.kind == "classifier" and features.dataset == dataset:
        _require_classes(_where(study, dataset, "train"), labels["train"])


def _require_shown_images(study: Study, dataset: str, counts: Mapping[str, int]) -> None:
    for name, artefact in study.artefacts.chosen.items():
        if study.model(study.artefacts.models_of(name)[0]).dataset != dataset:
            continue
        for key, split, number in artefact.shown_images:
            if split == "test" and not study.datasets[dataset].has_test_images:
                raise DataError(
                    f"{study.file}: datasets.{dataset}: there are no test images of this source, but "
                    f"artefacts.{name}.{key} shows {number} of them: take it out, or name a model "
                    "of other data"
                )
            if number > counts[split]:
                raise DataError(
                    f"{_where(study, dataset, split)} has {counts[split]} images, but artefacts.{name}.{key} "
                    f"asks for {number}, counted from 0: change it, or add images"
                )


def _require_classes(where: str, labels: np.ndarray) -> None:
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2 or classes[0] < 0:
        raise DataError(
            f"{where} has no two classes, but the classifier of quality.features learns to tell classes "
            "apart: put the images into a folder for each class, or name labelled images in "
            "quality.features.dataset, or use Inception's features (`kind: inception`) or none"
        )
    if counts.min() < FEWEST_OF_A_CLASS:
        raise DataError(
            f"{where} has {counts.min()} image of class {classes[counts.argmin()]} (by name, from 0); the "
            f"classifier of quality.features needs at least {FEWEST_OF_A_CLASS} of each: add images or "
            "remove the class"
        )


def equal_images(train: np.ndarray, test: np.ndarray) -> int:
    """How many images of the test split are, pixel by pixel, images of the training split too."""
    known = {_digest(image) for image in train}
    return sum(_digest(image) in known for image in test)


def _digest(image: np.ndarray) -> bytes:
    return hashlib.blake2b(np.ascontiguousarray(image).data, digest_size=16).digest()


def _where(study: Study, dataset: str, split: str) -> str:
    settings: Any = study.datasets[dataset]
    origin = (
        getattr(settings, split, None)
        or getattr(settings, "train", None)
        or getattr(settings, "archive", None)
        or getattr(settings, "path", settings.source)
    )
    return f"{study.file}: datasets.{dataset}: the {split} split ({origin})"
