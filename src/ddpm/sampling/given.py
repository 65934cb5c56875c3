"""Samples that others drew: from an .npz file, or from a folder of PNG files."""

from __future__ import annotations

import hashlib
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

import numpy as np
from PIL import Image

from ddpm.data.folders import list_images
from ddpm.errors import DataError
from ddpm.records.files import sha256
from ddpm.records.reading import why
from ddpm.sampling.shards import Shard

# What is skipped is read in pieces of this size.
_PIECE = 2**24


def given_shard(path: str, shape: tuple[int, int, int], first: int, last: int) -> Shard:
    """The images first..last-1 of a file or folder, as samples.

    Args:
        path: an .npz file whose only array, or the one named arr_0, is uint8 [N, H, W, C] or [N, H, W]; or a
            folder of images, in the order of their names.
        shape: (C, H, W) that they must have.
        first, last: which; only these are held in memory.

    Raises:
        DataError: it is missing or damaged, holds fewer images, or images of another shape.
    """
    images = (
        _of_folder(path, shape, first, last) if Path(path).is_dir() else _of_npz(path, shape, first, last)
    )
    none = np.zeros((0, last - first, *shape), np.uint8)
    return Shard(images, np.arange(first, last), none, np.zeros(0, np.int64))


def given_hash(path: str) -> str:
    """SHA-256 of the file, or of the names and contents of a folder's images."""
    if not Path(path).is_dir():
        return sha256(path)
    content = hashlib.sha256()
    for file in list_images(path).images:
        content.update(f"{file} {sha256(Path(path, file))}\n".encode())
    return content.hexdigest()


def _of_folder(path: str, shape: tuple[int, int, int], first: int, last: int) -> np.ndarray:
    files = list(list_images(path).images)
    _require_count(path, len(files), last)
    return np.stack(list(_decoded(path, files[first:last], shape)))


def _decoded(path: str, files: list[Path], shape: tuple[int, int, int]) -> Iterator[np.ndarray]:
    for file in files:
        try:
            with Image.open(Path(path, file)) as image:
                pixels = np.asarray(image.convert("L" if shape[0] == 1 else "RGB"))
        except (OSError, ValueError) as error:
            raise DataError(
                f"{Path(path, file)}: cannot be read as an image ({error}); replace it"
            ) from error
        yield _checked(str(Path(path, file)), pixels[None], shape)[0]


def _of_npz(path: str, shape: tuple[int, int, int], first: int, last: int) -> np.ndarray:
    try:
        with zipfile.ZipFile(path) as archive, archive.open(_member(path, archive)) as file:
            count, size = _header(path, file)
            _require_count(path, count, last)
            item = int(np.prod(size))
            _skip(file, first * item)
            content = file.read((last - first) * item)
    except (OSError, zipfile.BadZipFile, ValueError, EOFError) as error:
        raise DataError(f"{path}: {_reason(path, error)}") from error
    if len(content) != (last - first) * item:
        raise DataError(f"{path}: is truncated; replace it by a whole copy")
    return _checked(path, np.frombuffer(content, np.uint8).reshape(last - first, *size), shape)


def _reason(path: str, error: Exception) -> str:
    if isinstance(error, OSError) and not Path(path).is_file():
        return f"{why(path, error)}; give an .npz file or a folder of PNG files as `samples`"
    return f"not a readable .npz file ({error}); replace it by a whole copy"


def _member(path: str, archive: zipfile.ZipFile) -> str:
    names = [name for name in archive.namelist() if name.endswith(".npy")]
    if "arr_0.npy" not in names and len(names) != 1:
        found = ", ".join(names) or "none"
        raise DataError(f"{path}: which of its arrays are the images ({found})? Keep one, or name it arr_0")
    return "arr_0.npy" if "arr_0.npy" in names else names[0]


def _header(path: str, file: IO[bytes]) -> tuple[int, tuple[int, ...]]:
    """Number of images and the shape of one."""
    version = np.lib.format.read_magic(file)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    shape, fortran, dtype = read(file)
    if dtype != np.uint8 or fortran or len(shape) not in (3, 4):
        raise DataError(
            f"{path}: its array is {dtype} {list(shape)}; samples must be uint8 [N, H, W, 3] in C order, or "
            "[N, H, W] if grey"
        )
    return shape[0], tuple(shape[1:])


def _skip(file: IO[bytes], count: int) -> None:
    while count and (piece := file.read(min(count, _PIECE))):
        count -= len(piece)


def _require_count(path: str, count: int, last: int) -> None:
    if count < last:
        raise DataError(
            f"{path}: holds {count:,} images, and the study asks for {last:,} or more; set `sampling.images` "
            "of this model lower, or give more images"
        )


def _checked(path: str, images: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """uint8 [n, H, W, C] or [n, H, W] as [n, C, H, W]."""
    channels_last = images[..., None] if images.ndim == 3 else images
    found = np.moveaxis(channels_last, -1, 1)
    if found.shape[1:] != shape:
        raise DataError(
            f"{path}: its images have shape {list(found.shape[1:])} (channels, height, width), those of the "
            f"model's data set {list(shape)}; name the data set that they are of"
        )
    return np.ascontiguousarray(found)
