"""CIFAR-10 from the official archive for Python, or from the folder unpacked from it."""

from __future__ import annotations

import gzip
import os
import pickle
import tarfile
import tempfile
import warnings
import zlib
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.data.splits import Splits
from ddpm.errors import DataError
from ddpm.records.files import output_error
from ddpm.resources.registry import CIFAR10, require_official
from ddpm.study.datasets import Cifar10Settings

FOLDER = "cifar-10-batches-py"
_DAMAGE = (tarfile.TarError, EOFError, zlib.error, gzip.BadGzipFile)
_MALFORMED = (
    *(pickle.UnpicklingError, EOFError, OSError),
    *(LookupError, ValueError, TypeError, AttributeError, ImportError),
)


def load_cifar10(settings: Cifar10Settings) -> Splits:
    """Reads the official split; nothing is downloaded.

    An archive is unpacked into a temporary folder, and only after its SHA-256 was compared with
    config/resources.yaml; of a folder, torchvision's MD5 of each file is compared. With `official: false`
    neither is: the files are pickles, and reading a pickle runs code that it names, so take such files from
    people you trust alone.

    Returns:
        Images uint8 [n, 3, 32, 32] in [0, 255] and labels int64 [n] in 0..9, in the archive's order.

    Raises:
        DataError: the path is missing, damaged, of another format, or holds another number of images.
        ResourceError: the archive is not the official one.
        OutputError: the temporary folder cannot be written.
    """
    path = Path(settings.archive)
    if path.is_dir():
        batches = path / FOLDER if (path / FOLDER).is_dir() else path
        return _read(_dataset(settings.official), batches, settings)
    if not path.exists():
        raise DataError(
            f"{path}: no such file or folder; run `ddpm fetch resources/{CIFAR10}`, or set `archive` to a "
            "copy of the official archive or of the folder unpacked from it"
        )
    if not os.access(path, os.R_OK):
        raise DataError(f"{path}: may not be read; make it readable or set `archive` to another copy")
    if settings.official:
        require_official(path, CIFAR10)
    with tempfile.TemporaryDirectory(prefix="cifar10-") as folder:
        _unpack(path, Path(folder))
        return _read(_dataset(check_md5=False), Path(folder) / FOLDER, settings)


def _unpack(archive: Path, folder: Path) -> None:
    """Unpacks the batches, and nothing else, with tarfile's filter against files outside `folder`."""
    try:
        with tarfile.open(archive) as tar:
            batches = (member for member in tar if _is_batch(member))
            tar.extractall(folder, members=batches, filter="data")
    except _DAMAGE as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(
            f"{archive}: not a whole tar archive ({reason}); set `archive` to a sound copy"
        ) from error
    except OSError as error:
        raise output_error(folder, error) from error


def _is_batch(member: tarfile.TarInfo) -> bool:
    folder, _, name = member.name.removeprefix("./").partition("/")
    return folder == FOLDER and member.isreg() and "/" not in name


def _read(dataset: Any, batches: Path, settings: Cifar10Settings) -> Splits:
    _check_files(dataset, batches, settings.archive)
    train_images, train_labels = _read_split(dataset, batches, settings, train=True)
    test_images, test_labels = _read_split(dataset, batches, settings, train=False)
    return Splits(train_images, train_labels, test_images, test_labels)


def _read_split(
    dataset: Any, batches: Path, settings: Cifar10Settings, *, train: bool
) -> tuple[np.ndarray, np.ndarray]:
    try:
        with warnings.catch_warnings():
            # NumPy 2.4 warns of `align=0` in arrays that Python 2 pickled.
            warnings.simplefilter("ignore")
            split = dataset(batches, train=train)
        images = np.ascontiguousarray(split.data.transpose(0, 3, 1, 2))
        labels = np.array(split.targets, dtype=np.int64)
    except _MALFORMED as error:
        raise DataError(
            f"{settings.archive}: cannot be read as the batches of CIFAR-10's Python archive "
            f"({type(error).__name__}: {error}); set `archive` to a sound copy"
        ) from error
    key = "train_images" if train else "test_images"
    expected: int = getattr(settings, key)
    if len(images) != expected:
        raise DataError(
            f"{settings.archive}: holds {len(images):,} images where `{key}` says {expected:,}; set "
            f"`{key}: {len(images)}` if that is what you want, or use the official archive"
        )
    return images, labels


def _dataset(check_md5: bool) -> Any:
    """torchvision's class, for batches right in its root; without its MD5 hashes unless `check_md5`."""
    from ddpm.evaluation.torchvision_import import prepare_torchvision

    prepare_torchvision()
    from torchvision.datasets import CIFAR10

    class Batches(CIFAR10):
        base_folder = ""

    if not check_md5:
        for files in ("train_list", "test_list"):
            setattr(Batches, files, [[name, None] for name, _ in getattr(CIFAR10, files)])
        Batches.meta = {**CIFAR10.meta, "md5": None}
    return Batches


def _check_files(dataset: Any, batches: Path, origin: str) -> None:
    """Names the first file that torchvision would refuse without saying which."""
    from torchvision.datasets.utils import check_integrity

    files = [*dataset.train_list, *dataset.test_list, [dataset.meta["filename"], dataset.meta["md5"]]]
    for name, md5 in files:
        if not (batches / name).is_file():
            raise DataError(f"{origin}: has no file {name}; set `archive` to a whole copy of CIFAR-10")
        if not check_integrity(batches / name, md5):
            raise DataError(
                f"{origin}: {name} is not the official one (its MD5 differs from torchvision's); set "
                "`archive` to an official copy, or `official: false` in the study to take it as it is"
            )
