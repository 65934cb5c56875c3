"""Atomic writes and content hashes: a file under its final name is always whole."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from ddpm.errors import OutputError
from ddpm.records.temporary_files import temporary_file

_REMEDIES = {
    errno.EDQUOT: "the disk quota is used up: free some space and run the same command again",
    errno.EROFS: "the file system is read-only: choose a writable working folder",
    errno.EACCES: "permission denied: make the folder writable or choose another working folder",
    errno.EPERM: "permission denied: make the folder writable or choose another working folder",
}
# Bytes that a file which finds no space hardly exceeds.
_ROOM = 100_000_000


def output_error(path: Path, error: OSError) -> OutputError:
    """The error for a failed write of `path`, naming the file and the remedy."""
    remedy = _no_space(path) if error.errno == errno.ENOSPC else _REMEDIES.get(error.errno or 0, str(error))
    return OutputError(f"{path}: cannot be written ({remedy}). Nothing that existed was changed.")


def _no_space(path: Path) -> str:
    """The remedy where a file system takes no more: it may be full of bytes, or of files."""
    try:
        folder = next(place for place in path.absolute().parents if place.exists())
        disk = os.statvfs(folder)
    except (OSError, StopIteration, AttributeError):
        disk = None
    free = disk.f_bavail * disk.f_frsize if disk is not None else 0
    if disk is not None and disk.f_files and not disk.f_favail:
        return (
            "the disk holds as many files as it can (no inodes are free, `df -i`): delete files that are not "
            "needed, however small, and run the same command again"
        )
    if free > _ROOM:
        return (
            f"the disk is full, or holds as many files as it can: {free / 1e6:,.0f} MB are free now; look at "
            "`df` and `df -i`, free space or delete small files, and run the same command again"
        )
    return "the disk is full: free some space and run the same command again"


@contextlib.contextmanager
def atomic_path(path: str | Path) -> Iterator[Path]:
    """Yields a temporary path beside `path`; on success it is fsynced and renamed to `path`.

    An empty file is there, to be overwritten. On any failure it is removed and an existing `path` stays as it
    was. What killed writers of `path` left behind is removed first.

    Raises:
        OutputError: the folder is read-only, the disk is full, or the write failed otherwise.
    """
    path = Path(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with temporary_file(path) as temporary:
            yield temporary
            _fsync(temporary)
            os.replace(temporary, path)
            _fsync(path.parent)
    except OSError as error:
        raise output_error(path, error) from error


def link_or_copy(source: str | Path, path: str | Path) -> None:
    """Gives a file a second name, atomically; a copy where the file system has no hard links.

    Raises:
        OutputError: as `atomic_path`.
    """
    with atomic_path(path) as temporary:
        beside = temporary.with_name(f"{temporary.name}.link")
        try:
            os.link(source, beside)
        except OSError:
            shutil.copyfile(source, temporary)
        else:
            os.replace(beside, temporary)


def write_bytes(path: str | Path, content: bytes) -> None:
    """Writes `content` to `path` atomically."""
    with atomic_path(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: str | Path, content: str) -> None:
    """Writes `content` to `path` as UTF-8, atomically."""
    write_bytes(path, content.encode())


def require_writable(folder: str | Path) -> None:
    """Raises OutputError now, before expensive work, if files cannot be created in `folder`."""
    write_bytes(Path(folder) / ".writable", b"")
    Path(folder, ".writable").unlink(missing_ok=True)


def sha256(path: str | Path) -> str:
    """SHA-256 of a file's content, in hexadecimal."""
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
