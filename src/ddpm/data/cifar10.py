"""CIFAR-10 from the official archive for Python, or from the folder unpacked from it."""

from __future__ import annotations

import bz2
import gzip
import lzma
import tarfile
import zlib
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

import numpy as np

from ddpm.data.cifar10_pickle import read_batch
from ddpm.data.splits import Splits
from ddpm.errors import DataError
from ddpm.records.reading import require_readable, why
from ddpm.resources.registry import CIFAR10, require_official, require_sha256
from ddpm.study.datasets import Cifar10Settings

FOLDER = "cifar-10-batches-py"
_BATCHES = {"train": tuple(f"data_batch_{number}" for number in range(1, 6)), "test": ("test_batch",)}
_NAMES = frozenset(name for names in _BATCHES.values() for name in names)
_COMPRESSED: dict[bytes, Any] = {b"\x1f\x8b": gzip.open, b"BZh": bz2.open, b"\xfd7zXZ": lzma.open}
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
_MOST_MEMBERS = 1000


def load_cifar10(settings: Cifar10Settings) -> Splits:
    """Reads the official split; nothing is downloaded.

    The archive's SHA-256 is compared with that of config/resources.yaml, or with `sha256`, before it is
    opened; of a folder, torchvision's MD5 of each file is compared. With `official: false` neither is. In no
    case is code run that a file names (`ddpm.data.cifar10_pickle`), and nothing is read that is larger than
    the images can be.

    Returns:
        Images uint8 [n, 3, 32, 32] in [0, 255] and labels int64 [n] in 0..9, in the archive's order.

    Raises:
        DataError: the path is missing, damaged, of another format, or holds another number of images.
        ResourceError: the archive is not the one asked for.
    """
    path = Path(settings.archive)
    if path.is_dir():
        batches = _of_folder(path, settings)
    else:
        missing = (
            f"no such file or folder; run `ddpm fetch resources/{CIFAR10}`, or set `archive` to a copy of "
            "the official archive or of the folder unpacked from it"
        )
        require_readable(path, DataError, missing)
        batches = _of_archive(path, settings)
    train_images, train_labels = _split(batches, settings, "train")
    test_images, test_labels = _split(batches, settings, "test")
    return Splits(train_images, train_labels, test_images, test_labels)


def files_of(archive: str) -> dict[str, Path]:
    """The files that an archive or folder is read from, by a name that stays when it is moved; {} if gone."""
    path = Path(archive)
    if path.is_file():
        return {"": path}
    return {name: _folder(path) / name for name in sorted(_NAMES) if (_folder(path) / name).is_file()}


def _folder(path: Path) -> Path:
    return path / FOLDER if (path / FOLDER).is_dir() else path


def _of_folder(path: Path, settings: Cifar10Settings) -> dict[str, bytes]:
    if settings.sha256 is not None:
        raise DataError(
            f"{path}: is a folder, but `sha256` is the hash of an archive; name that or leave it out"
        )
    if settings.official:
        _check_md5(_folder(path), settings.archive)
    contents = {}
    for name, file in files_of(settings.archive).items():
        try:
            _check_size(path, name, file.stat().st_size, settings)
            contents[name] = file.read_bytes()
        except OSError as error:
            raise DataError(f"{file}: {why(file, error)}") from error
    return contents


def _of_archive(path: Path, settings: Cifar10Settings) -> dict[str, bytes]:
    if settings.sha256 is not None:
        require_sha256(path, settings.sha256)
    elif settings.official:
        require_official(path, CIFAR10)
    contents = {}
    try:
        with _opened(path) as file, _limited_tar(file, path, settings) as tar:
            for number, member in enumerate(tar):
                _check_size(path, member.name, member.size, settings)
                if number >= _MOST_MEMBERS:
                    raise DataError(
                        f"{path}: has more than {_MOST_MEMBERS:,} files; set `archive` to CIFAR-10"
                    )
                content = tar.extractfile(member) if _is_batch(member) else None
                if content is not None:
                    contents[Path(member.name).name] = content.read()
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{path}: not a whole tar archive ({reason}); set `archive` to a sound copy"
        ) from error
    return contents


def _opened(path: Path) -> IO[bytes]:
    """The archive as a stream of what it unpacks to."""
    with path.open("rb") as file:
        start = file.read(5)
    for magic, compressed in _COMPRESSED.items():
        if start.startswith(magic):
            return compressed(path)
    return path.open("rb")


def _limited_tar(file: IO[bytes], path: Path, settings: Cifar10Settings) -> tarfile.TarFile:
    limited: Any = _Limited(file, path, settings)
    return tarfile.open(fileobj=limited, mode="r:")


class _Limited:
    """A stream that refuses to read more at once than the images take: a header may ask for gigabytes."""

    def __init__(self, file: IO[bytes], path: Path, settings: Cifar10Settings) -> None:
        self._file, self._path, self._settings = file, path, settings
        self.seek, self.tell = file.seek, file.tell

    def read(self, size: int = -1) -> bytes:
        _check_size(self._path, "a header", size, self._settings)
        return self._file.read(size)


def _check_size(path: Path, name: str, size: int, settings: Cifar10Settings) -> None:
    """Raises DataError if a file of the archive is larger than all images together can be."""
    images = settings.train_images + settings.test_images
    # Some ways of pickling take half as much again; labels and file names come on top.
    if not 0 <= size <= (limit := 2 * 3072 * images + 2**20):
        raise DataError(
            f"{path}: {name} has {size:,} bytes, more than {images:,} images of CIFAR-10 take ({limit:,}); "
            "set `archive` to a copy of CIFAR-10"
        )


def _is_batch(member: tarfile.TarInfo) -> bool:
    folder, _, name = member.name.removeprefix("./").partition("/")
    return folder == FOLDER and member.isreg() and name in _NAMES


def _split(
    batches: Mapping[str, bytes], settings: Cifar10Settings, split: str
) -> tuple[np.ndarray, np.ndarray]:
    parts = []
    for name in _BATCHES[split]:
        if name not in batches:
            raise DataError(
                f"{settings.archive}: has no file {name}; set `archive` to a whole copy of CIFAR-10"
            )
        try:
            parts.append(read_batch(batches[name]))
        except ValueError as error:
            raise DataError(
                f"{settings.archive}: cannot be read as the batches of CIFAR-10's Python archive "
                f"({name}: {error}); set `archive` to a sound copy"
            ) from error
    images, labels = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    expected: int = settings.split_sizes[split]
    if len(images) != expected:
        key = f"{split}_images"
        raise DataError(
            f"{settings.archive}: holds {len(images):,} images where `{key}` says {expected:,}; set "
            f"`{key}: {len(images)}` if that is what you want, or use the official archive"
        )
    return images.reshape(-1, 3, 32, 32), labels


def _check_md5(folder: Path, origin: str) -> None:
    """Names the first file that differs from the ones that torchvision knows."""
    from ddpm.evaluation.torchvision_import import prepare_torchvision

    prepare_torchvision()
    from torchvision.datasets import CIFAR10
    from torchvision.datasets.utils import check_integrity

    for name, md5 in [*CIFAR10.train_list, *CIFAR10.test_list]:
        if not (folder / name).is_file():
            raise DataError(f"{origin}: has no file {name}; set `archive` to a whole copy of CIFAR-10")
        if not check_integrity(folder / name, md5):
            raise DataError(
                f"{origin}: {name} is not the official one (its MD5 differs from torchvision's); set "
                "`archive` to an official copy, or pack this folder into a .tar and give its hash as `sha256`"
            )
