"""The images that people give to be compressed: files, folders, or a split of the model's data set."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from ddpm.errors import DataError, OutputError
from ddpm.records.files import require_writable

if TYPE_CHECKING:
    from ddpm.evaluation.model_job import ModelJob

_ENDINGS = {".png", ".webp", ".bmp", ".ppm", ".pgm", ".tif", ".tiff", ".jpg", ".jpeg", ".gif"}
_MODES = {1: ("L", "1"), 3: ("RGB",)}
_SPLITS = ("train", "test")


def require_new(path: Path) -> None:
    """Raises OutputError if something is there already, or its folder cannot be written."""
    if os.path.lexists(path):
        raise OutputError(f"{path}: is there already and is not overwritten; choose another name")
    require_writable(path.parent)


def read_sources(job: ModelJob, sources: Sequence[str], most: int | None) -> np.ndarray:
    """The images, uint8 [n, C, H, W], in the order in which they were given; folders by name.

    Args:
        job: the model.
        sources: image files, folders, "train" or "test".
        most: only the first so many; None for all.

    Raises:
        DataError: a file is missing, no image, or of another size or kind than the model's images, which are
            coded to the bit and so never converted; or there are none.
    """
    if most is not None and most < 1:
        raise DataError(f"--images {most}: must be 1 or more")
    found: list[np.ndarray] = []
    for source in sources:
        if source in _SPLITS and not os.path.exists(source):
            found += list(job.images("train" if source == "train" else "test"))
        else:
            found += [_read(path, job.image_shape) for path in _files(Path(source))]
        if most is not None and len(found) >= most:
            break
    if not found:
        raise DataError(f"{', '.join(sources)}: no images; name image files or folders that hold some")
    return np.stack(found[:most])


def _files(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    return sorted(file for file in path.iterdir() if file.suffix.lower() in _ENDINGS and file.is_file())


def _read(path: Path, shape: tuple[int, int, int]) -> np.ndarray:
    """An image as it is, uint8 [C, H, W]."""
    try:
        with Image.open(path) as image:
            image.load()
            channels, height, width = shape
            if image.size != (width, height) or image.mode not in _MODES[channels]:
                kind = "grey" if channels == 1 else "colour"
                raise DataError(
                    f"{path}: is {image.size[0]}x{image.size[1]} of mode {image.mode}, the model's images "
                    f"are {width}x{height}, 8-bit {kind} ({_MODES[channels][0]}); convert it first"
                )
            pixels = np.array(image.convert(_MODES[channels][0]))
    except (OSError, ValueError, SyntaxError, Image.DecompressionBombError) as error:
        raise DataError(f"{path}: cannot be read as an image ({error}); give image files") from error
    return pixels.reshape(height, width, channels).transpose(2, 0, 1)
