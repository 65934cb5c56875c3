"""The files of CelebA-HQ in the three forms in which it is handed on: a folder, a tar, or parquet."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import re
import tarfile
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path, PurePosixPath

from ddpm.data.folders import IMAGE_SUFFIXES, is_hidden, list_images
from ddpm.errors import DataError
from ddpm.records.reading import unreadable, why

_PARQUET_MAGIC = b"PAR1"
_COMPRESSED = (b"\x1f\x8b", b"BZh", b"\xfd7zXZ", b"\x28\xb5\x2f\xfd")
_MISSING = (
    "no such file or folder; give a folder of the images, a .tar of it, or the parquet files that hold them"
)
# Rows of parquet that are in memory at once.
_ROWS = 64


@dataclasses.dataclass(frozen=True)
class Faces:
    """The images of a folder, tar or parquet, in order.

    Attributes:
        kind: which of them, in words.
        count: how many images there are.
        contents: name and content of each image's file; reads them one by one.
    """

    kind: str
    count: int
    contents: Callable[[], Iterator[tuple[str, bytes]]]


def find_faces(path: str) -> Faces:
    """What lies at a path. Images of a folder or tar are in the order of their names, numbers by value.

    Raises:
        DataError: nothing that can be read; the message says what to give instead.
    """
    if reason := unusable(path):
        raise DataError(f"{path}: {reason}")
    if parquet := _parquet_files(Path(path)):
        return _of_parquet(parquet)
    return _of_folder(path) if Path(path).is_dir() else _of_tar(Path(path))


def unusable(path: str) -> str:
    """Why a path holds no CelebA-HQ, and what to do; "" if it seems to. Opens no more than one file."""
    place = Path(path)
    if place.is_dir():
        found = _parquet_files(place) or list_images(path).images
        return "" if found else "holds neither images nor .parquet files; unpack what lies there, if anything"
    if reason := unreadable(place, _MISSING):
        return reason
    if _parquet_files(place) or _is_tar(place):
        return ""
    with place.open("rb") as file:
        start = file.read(8)
    if start.startswith(_COMPRESSED):
        return "is compressed; unpack it (`tar xf`) and give the folder"
    return "is neither a .tar nor a .parquet file; unpack it if it is another archive, and give the folder"


def face_files(path: str) -> Mapping[str, tuple[Path, os.stat_result]]:
    """The files that are read, by a name that stays when the whole is moved; {} if there are none."""
    place = Path(path)
    if place.is_dir() and not (parquet := _parquet_files(place)):
        listing = list_images(path)
        return {str(name): (place / name, status) for name, status in listing.images.items()}
    if place.is_dir():
        return {str(file.relative_to(place)): (file, file.stat()) for file in parquet}
    return {"": (place, place.stat())} if place.is_file() else {}


def natural_order(name: str) -> tuple[list[str | int], str]:
    """A key to sort names by, in which numbers count by their value."""
    # Texts and numbers alternate, so that no text is compared with a number.
    parts = re.split(r"(\d+)", name)
    return [int(part) if number % 2 else part for number, part in enumerate(parts)], name


def _of_folder(path: str) -> Faces:
    names = sorted(list_images(path).images, key=lambda name: natural_order(name.as_posix()))

    def contents() -> Iterator[tuple[str, bytes]]:
        for name in names:
            file = Path(path, name)
            try:
                yield str(file), file.read_bytes()
            except OSError as error:
                raise DataError(f"{file}: {why(file, error)}") from error

    return Faces("a folder of images", len(names), contents)


def _of_tar(path: Path) -> Faces:
    def opened() -> tarfile.TarFile:
        return tarfile.open(path, "r:")

    with _told(path), opened() as tar:
        members = [member for member in tar if member.isreg() and _is_image(member.name)]
    if not members:
        raise DataError(f"{path}: holds no images ({', '.join(IMAGE_SUFFIXES)})")
    members.sort(key=lambda member: natural_order(member.name))

    def contents() -> Iterator[tuple[str, bytes]]:
        with _told(path), opened() as tar:
            for member in members:
                file = tar.extractfile(member)
                assert file is not None, member
                yield f"{path}: {member.name}", file.read()

    return Faces("a tar of images", len(members), contents)


def _of_parquet(files: list[Path]) -> Faces:
    from pyarrow import parquet

    def opened(file: Path) -> parquet.ParquetFile:
        return parquet.ParquetFile(file)

    count = 0
    for file in files:
        with _told(file), opened(file) as table:
            columns = [table.schema.column(place).path for place in range(len(table.schema))]
            count += table.metadata.num_rows
        if "image.bytes" not in columns:
            raise DataError(
                f"{file}: has no column `image` with `bytes` (it has {', '.join(columns)}); give the parquet "
                "files of an image data set of Hugging Face"
            )

    def contents() -> Iterator[tuple[str, bytes]]:
        for file in files:
            row = 0
            with _told(file), opened(file) as table:
                for batch in table.iter_batches(_ROWS, columns=["image.bytes"]):
                    for content in batch.column("image").field("bytes"):
                        yield f"{file}: row {row}", content.as_py() or b""
                        row += 1

    return Faces("parquet", count, contents)


def _parquet_files(path: Path) -> list[Path]:
    """The parquet files of a folder and the folders within it, in order; or the path itself, if it is one."""
    if not path.is_dir():
        with path.open("rb") as file:
            return [path] if file.read(4) == _PARQUET_MAGIC else []
    found = [file for file in path.rglob("*.parquet") if not _hidden(file.relative_to(path).as_posix())]
    return sorted(found, key=lambda file: natural_order(file.relative_to(path).as_posix()))


def _is_tar(path: Path) -> bool:
    try:
        with tarfile.open(path, "r:"):
            return True
    except (tarfile.TarError, EOFError):
        return False


def _is_image(name: str) -> bool:
    return name.lower().endswith(IMAGE_SUFFIXES) and not _hidden(name.removeprefix("./"))


def _hidden(name: str) -> bool:
    return any(is_hidden(part) for part in PurePosixPath(name).parts)


@contextlib.contextmanager
def _told(path: Path) -> Iterator[None]:
    """Names the archive in an error of reading it."""
    try:
        yield
    except (tarfile.TarError, EOFError, OSError, ValueError) as error:
        reason = str(error).partition("\n")[0] or type(error).__name__
        raise DataError(f"{path}: cannot be read ({reason}); replace it by a whole copy") from error
