"""Where LSUN's archives come from, and whether one lies at a path: an unpacked lmdb, or the .zip of it."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from ddpm.data import lmdb_file
from ddpm.errors import DataError
from ddpm.records.files import output_error
from ddpm.records.reading import unreadable

SERVER = "http://dl.yf.io/lsun"
MEGABYTE = 1_000_000
_CHUNK = 2**20
# The first pages of an lmdb, which say how many records it has.
_HEAD = 2**17


class Category(NamedTuple):
    """A category that the paper uses: its archive on the server, and how many records that has."""

    archive: str
    records: int


CATEGORIES = {
    "church": Category("scenes/church_outdoor_train_lmdb.zip", 126_227),
    "bedroom": Category("scenes/bedroom_train_lmdb.zip", 3_033_042),
    "cat": Category("objects/cat.zip", 1_657_266),
}


def category(archive: str) -> Category | None:
    """The category that a path names, if it names one."""
    name = Path(archive).name.lower()
    return next((of for word, of in CATEGORIES.items() if word in name), None)


def unusable(archive: str) -> str:
    """Why there is no LSUN archive at a path, and what to do; "" if there seems to be one."""
    path = Path(archive)
    if path.is_dir():
        reason = unreadable(path / lmdb_file.DATA, "no such file")
        return f"{lmdb_file.DATA} in it: {reason}; {_remedy(archive)}" if reason else ""
    if reason := unreadable(path, "no such file or folder"):
        return f"{reason}; {_remedy(archive)}"
    try:
        with zipfile.ZipFile(path) as file:
            _member(file)
    except (zipfile.BadZipFile, OSError, KeyError) as error:
        return f"no whole .zip of an lmdb ({error}; did its transfer break off?); {_remedy(archive)}"
    return ""


def archive_file(archive: str) -> Path:
    """The file of which an archive consists: data.mdb of a folder, or the .zip."""
    path = Path(archive)
    return path / lmdb_file.DATA if path.is_dir() else path


def digest(file: Path) -> str:
    """Tells the content of an `archive_file` from another's, from a small part of it.

    Raises:
        DataError: it is damaged.
    """
    if file.name == lmdb_file.DATA:
        with lmdb_file.opened(file.parent) as database:
            return database.digest()
    with _zip(file) as archive:
        member = _member(archive)
        return f"{member.CRC:08x} {member.file_size}"


def entries(archive: str) -> int:
    """How many records an archive has.

    Raises:
        DataError: it is not there, or damaged.
    """
    path = Path(archive)
    if path.is_dir():
        with lmdb_file.opened(path) as database:
            return database.entries
    with _zip(path) as file, file.open(_member(file)) as packed, tempfile.TemporaryDirectory() as folder:
        Path(folder, lmdb_file.DATA).write_bytes(packed.read(_HEAD))
        return lmdb_file.entries_of_head(folder)


def wanted_records(archive: str, images: int | None) -> int:
    """How many records of an archive are asked for: `images`, or all if that is None.

    Raises:
        DataError: it has fewer, is not there, or damaged.
    """
    there = entries(archive)
    wanted = there if images is None else images
    if not 0 < wanted <= there:
        raise DataError(
            f"{archive}: holds {there:,} records, and {wanted:,} images are asked for (`images`); lower "
            "that, or give a whole archive"
        )
    return wanted


@contextlib.contextmanager
def unpacked(archive: str, folder: Path) -> Iterator[str]:
    """The folder of an archive's lmdb: the archive itself, or where a .zip is unpacked meanwhile.

    Args:
        archive: the folder, or the .zip.
        folder: where a .zip is unpacked. What was unpacked is removed at the end; after an error or a kill it
            stays for the next run.

    Raises:
        DataError: the .zip is not there, or damaged.
        OutputError: it cannot be unpacked.
    """
    path = Path(archive)
    if path.is_dir():
        yield archive
        return
    with _zip(path) as file:
        member = _member(file)
        place = folder / f".unpacked-{member.CRC:08x}"
        try:
            if not (place / lmdb_file.DATA).exists():
                _unpack(file, member, place)
        except zipfile.BadZipFile as error:
            raise DataError(f"{archive}: is damaged ({error}); {_remedy(archive)}") from error
        except OSError as error:
            raise output_error(place / lmdb_file.DATA, error) from error
    yield str(place)
    shutil.rmtree(place)


def _unpack(archive: zipfile.ZipFile, member: zipfile.ZipInfo, place: Path) -> None:
    # Loads tqdm, which a start of Snakemake does without.
    from ddpm.progress import Progress

    place.mkdir(parents=True, exist_ok=True)
    part = place / f"{lmdb_file.DATA}.part"
    title, total = f"unpack {archive.filename}", member.file_size // MEGABYTE
    with archive.open(member) as packed, part.open("wb") as file, Progress(title, total, "MB") as progress:
        while chunk := packed.read(_CHUNK):
            file.write(chunk)
            progress.advance(file.tell() // MEGABYTE - progress.done)
    os.replace(part, place / lmdb_file.DATA)


@contextlib.contextmanager
def _zip(path: Path) -> Iterator[zipfile.ZipFile]:
    if reason := unusable(str(path)):
        raise DataError(f"{path}: {reason}")
    with zipfile.ZipFile(path) as file:
        yield file


def _member(file: zipfile.ZipFile) -> zipfile.ZipInfo:
    found = [member for member in file.infolist() if Path(member.filename).name == lmdb_file.DATA]
    if len(found) != 1:
        raise KeyError(f"it holds {len(found)} files {lmdb_file.DATA}")
    return found[0]


def _remedy(archive: str) -> str:
    known = category(archive)
    files = [known.archive] if known else [of.archive for of in CATEGORIES.values()]
    addresses = ", ".join(f"{SERVER}/{file}" for file in files)
    how = "`curl -C - -O <address>`, which goes on where a transfer broke off"
    return f"fetch {addresses} ({how}), `unzip` it, and give the folder that holds {lmdb_file.DATA}"
