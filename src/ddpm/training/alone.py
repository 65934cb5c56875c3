"""One trainer a run: a second one waits until the first has ended, and then looks what is left to do.

A workflow that was killed alone leaves its jobs behind; its next start trains the same run beside them. Both
would save the same state and write the same results.
"""

from __future__ import annotations

import contextlib
import logging
import os
import socket
import time
from collections.abc import Iterator
from pathlib import Path

from ddpm.files import output_error
from ddpm.locking import Lock, try_lock
from ddpm.training.processes import ALONE, Processes
from ddpm.training.signals import Stopped, StopRequest

logger = logging.getLogger("ddpm")

NAME = ".training.lock"
# How often a waiting trainer looks, and how often it says that it still waits.
_PAUSE = 0.2
_SECONDS_BETWEEN_LINES = 300.0


@contextlib.contextmanager
def alone(folder: str | Path, title: str, processes: Processes = ALONE) -> Iterator[None]:
    """Holds a run's folder for this trainer; waits as long as another one holds it.

    Of several processes the first takes the lock; the others wait with it. Where the file system knows no
    locks, says so and goes on.

    Args:
        folder: the run's; made if it is not there. The lock's file is removed at the end.
        title: of the run, for messages.
        processes: those that train together.

    Raises:
        Stopped: a signal came while waiting.
        OutputError: the lock's file cannot be made.
        LostProcess: another process of the same trainer ended.
    """
    lock = _TrainingLock(Path(folder), title)
    try:
        with StopRequest() as stop:
            while not processes.of_first(processes.first and lock.take()):
                if stop.signal is not None:
                    break
                if processes.first:
                    lock.say()
                time.sleep(_PAUSE)
            if stop.signal is not None:
                raise Stopped(128 + stop.signal)
        yield
    finally:
        lock.release()


class _TrainingLock:
    """The lock of one run's folder."""

    def __init__(self, folder: Path, title: str) -> None:
        self.path, self.title = folder / NAME, title
        self._handle: int | None = None
        self._began = self._said = time.monotonic()
        self._waits = False

    def take(self) -> bool:
        """Whether this process may train: it holds the lock now, or there are no locks here."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            handle = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise output_error(self.path, error) from error
        lock = try_lock(handle)
        if lock is Lock.HELD and self._is_in_place(handle):
            _sign(handle)
            self._handle = handle
            return True
        os.close(handle)
        if lock is Lock.UNKNOWN:
            logger.warning(
                f"{self.title}: {self.path}: this file system knows no locks. Have one trainer at a time "
                "work on a run: two are not told apart"
            )
            return True
        return False

    def release(self) -> None:
        """Removes the file and drops the lock, if this process holds it."""
        if self._handle is None:
            return
        # In this order: whoever locks the removed file meanwhile notices and makes a new one.
        with contextlib.suppress(OSError):
            self.path.unlink()
        os.close(self._handle)
        self._handle = None

    def say(self) -> None:
        """Says once who is waited for, and now and then that it is so still."""
        now = time.monotonic()
        if not self._waits:
            logger.info(f"{self.title}: is being trained by {self._holder()}; waiting until that has ended")
        elif now - self._said >= _SECONDS_BETWEEN_LINES:
            logger.info(
                f"{self.title}: still waiting for {self._holder()}, {(now - self._began) / 60:.0f} min so far"
            )
        else:
            return
        self._waits, self._said = True, now

    def _is_in_place(self, handle: int) -> bool:
        """Whether the locked file is still the one that others find."""
        try:
            return os.path.samestat(os.fstat(handle), os.stat(self.path))
        except OSError:
            return False

    def _holder(self) -> str:
        with contextlib.suppress(OSError):
            if text := self.path.read_text(errors="replace").strip():
                return text
        return f"another process ({self.path} does not say which)"


def _sign(handle: int) -> None:
    """Writes who holds the lock, for people: a full disk must not stop training here."""
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    with contextlib.suppress(OSError):
        os.ftruncate(handle, 0)
        os.write(handle, f"process {os.getpid()} on {socket.gethostname()}, since {since}".encode())
