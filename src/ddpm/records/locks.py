"""Locks between processes that say who holds them; the kernel drops them with the process that holds them."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from pathlib import Path

from filelock import FileLock, Timeout

from ddpm.errors import DDPMError
from ddpm.records.files import output_error


class NoLocksError(DDPMError):
    """The file system knows no locks."""


def holder(path: str | Path) -> str:
    """Who holds a lock; "" if nobody does, or nobody can tell. A lock whose holder is gone is removed."""
    if not Path(path).exists():
        return ""
    lock = SignedLock(path)
    try:
        if not lock.take():
            return lock.holder()
    except DDPMError:
        return ""
    lock.release()
    return ""


class SignedLock:
    """A lock file with a line in it about its holder.

    Args:
        path: of the file; its folder is made.
        note: what the holder adds to its line, such as its command.
    """

    def __init__(self, path: str | Path, note: str = "") -> None:
        self.path, self._note = Path(path), note
        # Not for each thread its own, and made anew for each try: neither needs more than this object.
        self._lock: FileLock | None = None

    def take(self) -> bool:
        """Whether this process holds the lock now; does not wait.

        Raises:
            NoLocksError: the file system knows no locks.
            OutputError: the file cannot be made.
        """
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with contextlib.suppress(FileExistsError):
                os.close(os.open(self.path, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o666))
            lock = FileLock(self.path, thread_local=False)
        except OSError as error:
            raise output_error(self.path, error) from error
        try:
            lock.acquire(blocking=False)
        except Timeout:
            return False
        except OSError as error:
            # ENOLCK, EOPNOTSUPP, EINVAL: which one, depends on the file system.
            raise NoLocksError(f"{self.path}: this file system knows no locks ({error.strerror})") from error
        self._lock = lock
        self._sign()
        return True

    def holder(self) -> str:
        """Who holds the lock: process, host, since when, and the note."""
        with contextlib.suppress(OSError):
            if text := self.path.read_text(errors="replace").strip():
                return text
        return f"another process ({self.path} does not say which)"

    def release(self) -> None:
        """Removes the file and drops the lock, if this process holds it."""
        if self._lock is not None:
            # In this order: whoever locks the removed file meanwhile notices and makes a new one.
            with contextlib.suppress(OSError):
                self.path.unlink()
            self._lock.release()
            self._lock = None

    def _sign(self) -> None:
        """Writes who holds the lock, for people: a full disk must not stop the work here."""
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        note = f": {self._note}" if self._note else ""
        with contextlib.suppress(OSError):
            line = f"process {os.getpid()} on {socket.gethostname()}, since {since}{note}"
            self.path.write_text(line, errors="surrogateescape")
