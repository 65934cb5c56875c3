"""One trainer a run: a second one waits until the first has ended, and then looks what is left to do.

A workflow that was killed alone leaves its jobs behind; its next start trains the same run beside them. Both
would save the same state and write the same results.
"""

from __future__ import annotations

import contextlib
import logging
import time
from collections.abc import Iterator
from pathlib import Path

from ddpm.records.locks import NoLocksError, SignedLock
from ddpm.training.ranks import ALONE, Ranks
from ddpm.training.signals import Stopped, StopRequest

logger = logging.getLogger("ddpm")

# How often a waiting trainer looks, and how often it says that it still waits.
_PAUSE = 0.2
_SECONDS_BETWEEN_LINES = 300.0


@contextlib.contextmanager
def one_trainer(path: str | Path, title: str, ranks: Ranks = ALONE) -> Iterator[None]:
    """Holds a run's folder for this trainer; waits as long as another one holds it.

    Of several processes the first takes the lock; the others wait with it. Where the file system knows no
    locks, says so and goes on.

    Args:
        path: of the lock's file, which is removed at the end; beside the run's folder, which may be renamed.
        title: of the run, for messages.
        ranks: the processes that train together.

    Raises:
        Stopped: a signal came while waiting.
        OutputError: the lock's file cannot be made.
        LostProcess: another process of the same trainer ended.
    """
    lock = SignedLock(path)
    waiting = _Waiting(lock, title)
    try:
        with StopRequest() as stop:
            while not ranks.of_first(ranks.first and _taken(lock, title)):
                if stop.signal is not None:
                    break
                if ranks.first:
                    waiting.say()
                time.sleep(_PAUSE)
            if stop.signal is not None:
                raise Stopped(128 + stop.signal)
        yield
    finally:
        lock.release()


def _taken(lock: SignedLock, title: str) -> bool:
    """Whether this process may train: it holds the lock now, or there are no locks here."""
    try:
        return lock.take()
    except NoLocksError as error:
        logger.warning(f"{title}: {error}. Have one trainer at a time work on a run: two are not told apart")
        return True


class _Waiting:
    """Says once who is waited for, and now and then that it is so still."""

    def __init__(self, lock: SignedLock, title: str) -> None:
        self._lock, self._title = lock, title
        self._began = self._said = time.monotonic()
        self._is_said = False

    def say(self) -> None:
        now = time.monotonic()
        holder = self._lock.holder()
        if not self._is_said:
            logger.info(f"{self._title}: is being trained by {holder}; waiting until that has ended")
        elif now - self._said >= _SECONDS_BETWEEN_LINES:
            minutes = (now - self._began) / 60
            logger.info(f"{self._title}: still waiting for {holder}, {minutes:.0f} min so far")
        else:
            return
        self._is_said, self._said = True, now
