"""Images in folders of the user's own, as 8-bit arrays."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

from ddpm.data.splits import ImageStream, Splits
from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.study.datasets import IMAGE_SUFFIXES, ImageFolderSettings

_DEEP = ("I", "F")
_UNREADABLE = (OSError, ValueError, SyntaxError, EOFError, Image.DecompressionBombError)


def load_image_folder(settings: ImageFolderSettings) -> Splits:
    """The images of the two folders, sorted by path; each is read when it is asked for.

    The folders right below `train`, if any, are the classes, numbered in the order of their names; `test`
    has the same ones or some of them. Images are turned as their EXIF orientation says, transparent ones
    are laid on white, and of one with several frames the first is taken.

    Returns:
        Images uint8 [n, C, size, size] in [0, 255] and labels int64 [n]; zeros where there are no classes.

    Raises:
        DataError: a folder without images, images beside the classes, or an unknown class in `test`; when it
            is asked for, an image that cannot be read, has more than 8 bits, or (`fit: exact`) another size.
    """
    train, test = image_files(settings.train, "train"), image_files(settings.test, "test")
    classes = _classes(settings.train, train)
    return Splits(
        _stream(settings.train, train, settings),
        _labels(settings.train, train, classes),
        _stream(settings.test, test, settings),
        _labels(settings.test, test, classes),
    )


def image_files(folder: str, key: str) -> list[Path]:
    """The images that `ddpm.study.datasets.count_images` counts, relative to `folder`, sorted by path.

    Raises:
        DataError: there are none; the message names the study's `key`.
    """
    found = [
        Path(place, name).relative_to(folder)
        for place, _, names in os.walk(folder, followlinks=True)
        for name in names
        if name.lower().endswith(IMAGE_SUFFIXES)
    ]
    if not found:
        raise DataError(
            f"{folder}: no images there ({', '.join(IMAGE_SUFFIXES)}); set `{key}` to a folder of images"
        )
    return sorted(found, key=lambda path: path.parts)


def central_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest square in the middle of an image: left, upper, right, lower in pixels.

    Where the middle lies between two pixels, the one to the left, or above, is taken.
    """
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def _classes(folder: str, files: Sequence[Path]) -> list[str]:
    """Names of the folders right below the training folder that hold images."""
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
                path = Path(folder, file)
                image = _fitted(path, _opened(path, settings.channels), settings)
                pixels = np.asarray(image).reshape(*image.size, settings.channels)
                yield pixels.transpose(2, 0, 1)
                progress.advance()

    return ImageStream((len(files), *settings.image_shape), images())


def _opened(path: Path, channels: int) -> Image.Image:
    """The image upright, opaque, with 8-bit grey levels or colours."""
    try:
        with Image.open(path) as file:
            if file.mode.startswith(_DEEP):
                raise DataError(
                    f"{path}: has more than 8 bits a channel (mode {file.mode}); convert it to 8 bits"
                )
            image = ImageOps.exif_transpose(file)
            if image.has_transparency_data:
                image = image.convert("RGBA")
                image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
            return image.convert("L" if channels == 1 else "RGB")
    except _UNREADABLE as error:
        raise DataError(f"{path}: cannot be read as an image ({error}); replace or remove it") from error


def _fitted(path: Path, image: Image.Image, settings: ImageFolderSettings) -> Image.Image:
    size = (settings.image_size, settings.image_size)
    if settings.fit == "crop":
        image = image.crop(central_square(*image.size))
        # PIL's filter widens with the scale, which is the antialiasing; an image of that size stays as it is.
        return image.resize(size, Image.Resampling.LANCZOS)
    if image.size != size:
        raise DataError(
            f"{path}: is {image.width}x{image.height} pixels, not {size[0]}x{size[1]}; set `image_size` to "
            "its size, or `fit: crop` to cut out and resize the middle of each image"
        )
    return image
