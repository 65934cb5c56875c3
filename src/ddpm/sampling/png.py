"""Samples as PNG files, one an image, named by their numbers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.errors import OutputError
from ddpm.records.files import atomic_path, require_writable


def png_paths(folder: Path, numbers: Sequence[int]) -> list[Path]:
    """The files of samples with these numbers: 000000.png, 000001.png, ..."""
    return [folder / f"{number:06}.png" for number in numbers]


def require_free(paths: Sequence[Path]) -> None:
    """Raises OutputError, before expensive work, if a file is there or their folder cannot be written.

    Args:
        paths: of one folder, at least one.
    """
    folder = paths[0].parent
    if os.path.lexists(folder) and not folder.is_dir():
        raise OutputError(f"{folder}: is there and no folder; choose another --png")
    if there := [path.name for path in paths if os.path.lexists(path)]:
        more = f" and {len(there) - 1:,} more of its names" if len(there) > 1 else ""
        raise OutputError(
            f"{folder / there[0]}: is there already{more}; choose another --png, or remove them. "
            "Nothing is overwritten"
        )
    require_writable(folder)


def write_pngs(paths: Sequence[Path], images: np.ndarray) -> None:
    """Writes each image to its path, atomically.

    Args:
        paths: N paths.
        images: uint8 [N, C, H, W], C 1 (grey) or 3 (colour).

    Raises:
        OutputError: a file cannot be written.
    """
    for path, image in zip(paths, images, strict=True):
        pixels = image[0] if len(image) == 1 else image.transpose(1, 2, 0)
        with atomic_path(path) as temporary:
            Image.fromarray(pixels).save(temporary, format="PNG")
