"""The unfinished download of a file: `<name>.part` beside it, which a later run continues."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import logging
import os
from dataclasses import asdict, dataclass
from io import FileIO
from pathlib import Path
from types import TracebackType

from ddpm.records.files import output_error, write_text

logger = logging.getLogger("ddpm")

# File systems without locks, such as some mounts of Lustre.
_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP)


@dataclass(frozen=True)
class Version:
    """Which version of which remote file a part holds.

    Attributes:
        url: where it came from.
        validator: value for the header If-Range; empty if the server gave none.
    """

    url: str = ""
    validator: str = ""


class PartFile:
    """A context that holds the part of `path` for one process at a time; others wait.

    Bytes that arrived stay when the context ends, unless there are none.

    Attributes:
        path: the part.
        size: bytes in it.
        version: what it is a part of.
        continued: whether its content comes from more than one answer of a server.

    Raises:
        OutputError: from all methods, if the part cannot be written; what it holds stays.
    """

    def __init__(self, path: Path) -> None:
        self.final = path
        self.path = path.with_name(f"{path.name}.part")
        self._record = path.with_name(f"{path.name}.part.json")

    def __enter__(self) -> PartFile:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            self._file = _open_locked(self.path)
            self.size = os.fstat(self._file.fileno()).st_size
        except OSError as error:
            raise output_error(self.path, error) from error
        self.continued = self.size > 0
        self.version = _read_version(self._record)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._file, contextlib.suppress(OSError):
            if self.size == 0:
                # Still locked, so no other process has begun to write to it.
                self._record.unlink(missing_ok=True)
                self.path.unlink(missing_ok=True)

    def start(self, version: Version) -> None:
        """Records which version the bytes to come belong to."""
        if version != self.version:
            write_text(self._record, json.dumps(asdict(version)))
            self.version = version

    def append(self, content: bytes) -> None:
        """Adds bytes at the end."""
        rest = memoryview(content)
        try:
            while rest:
                written = self._file.write(rest) or 0
                self.size += written
                rest = rest[written:]
        except OSError as error:
            raise output_error(self.path, error) from error

    def clear(self) -> None:
        """Drops all bytes."""
        try:
            self._file.truncate(0)
        except OSError as error:
            raise output_error(self.path, error) from error
        self.size, self.continued = 0, False

    def finish(self) -> None:
        """Renames the part to its final name; a file of that name is kept as `<name>.old<n>`."""
        try:
            os.fsync(self._file.fileno())
            if self.final.exists():
                old = _free_name(self.final)
                os.replace(self.final, old)
                logger.warning(f"{self.final}: the file that was there is now {old}")
            os.replace(self.path, self.final)
            self._record.unlink(missing_ok=True)
        except OSError as error:
            raise output_error(self.final, error) from error


def _open_locked(path: Path) -> FileIO:
    """Opens a file for appending, alone: waits for a process that has it open."""
    while True:
        file = open(path, "a+b", buffering=0)  # noqa: SIM115 (closed by PartFile)
        _lock(file, path)
        # Whoever held it may have renamed or removed it meanwhile.
        if path.exists() and os.path.samestat(os.fstat(file.fileno()), os.stat(path)):
            return file
        file.close()


def _lock(file: FileIO, path: Path) -> None:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        logger.info(f"{path}: another process is fetching it; waiting for that")
        fcntl.flock(file, fcntl.LOCK_EX)
    except OSError as error:
        if error.errno not in _NO_LOCKS:
            raise
        logger.warning(f"{path}: this file system has no locks; do not fetch the file twice at once")


def _read_version(record: Path) -> Version:
    try:
        return Version(**json.loads(record.read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError):
        return Version()


def _free_name(path: Path) -> Path:
    number = 1
    while (old := path.with_name(f"{path.name}.old{number}")).exists():
        number += 1
    return old
