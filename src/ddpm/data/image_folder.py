"""Images in folders of the user's own, as 8-bit arrays."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ddpm.data.folders import IMAGE_SUFFIXES, list_images
from ddpm.data.image_files import read_image
from ddpm.data.splits import ImageStream, Splits, stratified_test_mask
from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.study.datasets import ImageFolderSettings

logger = logging.getLogger("ddpm")


def load_image_folder(settings: ImageFolderSettings) -> Splits:
    """The images of the two folders, sorted by path; each is read when it is asked for.

    The folders right below `train`, if any, are the classes, numbered in the order of their names; `test`
    has the same ones or some of them. Without `test`, `test_images` of `train` are held out.
    Images are turned as their EXIF orientation says, transparent ones are laid on white, and of one with
    several frames the first is taken. What was left out of each folder is logged
    (`ddpm.data.folders.list_images`).

    Returns:
        Images uint8 [n, C, size, size] in [0, 255] and labels int64 [n]; zeros where there are no classes.

    Raises:
        DataError: a folder without images, images beside the classes, or an unknown class in `test`; when it
            is asked for, an image that cannot be read (`ddpm.data.image_files.read_image`).
    """
    train, test = listed(settings)
    return Splits(
        _stream(train.folder, train.files, settings),
        train.labels,
        _stream(test.folder, test.files, settings),
        test.labels,
    )


class Listed(NamedTuple):
    """The images of a split: their folder, paths relative to it, and labels, int64 [n]."""

    folder: str
    files: list[Path]
    labels: np.ndarray


def listed(settings: ImageFolderSettings) -> tuple[Listed, Listed]:
    """The images of train and test; none is opened.

    Raises:
        DataError: as `load_image_folder`, but for an image that cannot be read.
    """
    files = image_files(settings.train, "train")
    classes = class_names(settings.train, files)
    train = Listed(settings.train, files, _labels(settings.train, files, classes))
    if settings.test is None:
        held_out = _held_out(settings, train.labels)
        return _part(train, ~held_out), _part(train, held_out)
    files = image_files(settings.test, "test")
    return train, Listed(settings.test, files, _labels(settings.test, files, classes))


def _part(images: Listed, chosen: np.ndarray) -> Listed:
    files = [file for file, is_chosen in zip(images.files, chosen, strict=True) if is_chosen]
    return Listed(images.folder, files, images.labels[chosen])


def _held_out(settings: ImageFolderSettings, labels: np.ndarray) -> np.ndarray:
    """Which images are for testing, bool [n]: `test_images` of them, of each class its share."""
    held_out = settings.test_images or 0
    if held_out >= len(labels):
        raise DataError(
            f"{settings.train}: {len(labels):,} images, of which `test_images: {held_out}` leaves none for "
            "training; lower it or add images"
        )
    return stratified_test_mask(labels, held_out, settings.split_seed)


def image_files(folder: str, key: str) -> list[Path]:
    """The images of a folder, relative to it, sorted by path.

    Raises:
        DataError: there are none; the message names the study's `key`.
    """
    listing = list_images(folder)
    if not listing.images:
        found = listing.summary if Path(folder).is_dir() else f"{folder}: there is no such folder"
        raise DataError(
            f"{found}; no images there ({', '.join(IMAGE_SUFFIXES)}); set `{key}` to a folder of images"
        )
    logger.info(listing.summary)
    return list(listing.images)


def class_names(folder: str, files: Sequence[Path]) -> list[str]:
    """Names of the folders right below the training folder that hold images: its classes; none if it is flat.

    Raises:
        DataError: images lie beside such folders.
    """
    beside = [path for path in files if len(path.parts) == 1]
    if beside and len(beside) < len(files):
        raise DataError(
            f"{Path(folder, beside[0])}: lies beside folders of images, which are classes; move it into one, "
            "or all images into one folder"
        )
    return [] if beside else sorted({path.parts[0] for path in files})


def _labels(folder: str, files: Sequence[Path], classes: Sequence[str]) -> np.ndarray:
    number = {name: label for label, name in enumerate(classes)}
    labels = np.zeros(len(files), dtype=np.int64)
    for index, path in enumerate(files):
        name = path.parts[0] if len(path.parts) > 1 else ""
        if name not in number and (name or classes):
            raise DataError(
                f"{Path(folder, path)}: belongs to no class of the training images "
                f"({', '.join(classes) or 'they have none'}); arrange both folders alike"
            )
        labels[index] = number.get(name, 0)
    return labels


def _stream(folder: str, files: Sequence[Path], settings: ImageFolderSettings) -> ImageStream:
    def images() -> Iterator[np.ndarray]:
        with Progress(f"read {folder}", len(files), "images") as progress:
            for file in files:
                image = read_image(Path(folder, file), settings)
                pixels = np.asarray(image).reshape(*image.size, settings.channels)
                yield pixels.transpose(2, 0, 1)
                progress.advance()

    return ImageStream((len(files), *settings.image_shape), images())
