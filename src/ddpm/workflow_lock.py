"""One executing workflow a folder, by a lock that the kernel drops with the process that holds it.

Snakemake's own locks (.snakemake/locks) do not suffice: they stay behind when Snakemake is killed, and the
end of one workflow removes those of all others. So a workflow that executes holds `.snakemake/running` locked
for itself from before it plans until its end. Whoever only looks, such as a dry run, shares that lock for a
moment. Under either, no other workflow executes, and Snakemake's locks that are found belong to none.
"""

from __future__ import annotations

import contextlib
import fcntl
import functools
import os
import shlex
import socket
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO, TypeVar

from ddpm.errors import DDPMError

T = TypeVar("T")
FOLDER = Path(".snakemake")
RUNNING = FOLDER / "running"
_SNAKEMAKES = FOLDER / "locks"
# A workflow that is just ending is let end; a look is over in less.
_PATIENCE = 1.0
_PAUSE = 0.05


class AnotherWorkflowError(DDPMError):
    """Another workflow executes in this folder."""


class NoLocksError(DDPMError):
    """The lock's file cannot be made, or its file system knows no locks."""


def take(say: Callable[[str], object]) -> BinaryIO:
    """Locks the working folder for this process; closing the returned file ends that, and so does its death.

    Waits for those who look; a workflow that executes is given a second to end.

    Args:
        say: called once with a sentence if there is something to wait for.

    Raises:
        AnotherWorkflowError: another workflow executes here; names its process, host, start and command.
        NoLocksError: there is no lock to be had.
    """
    with contextlib.ExitStack() as on_failure:
        lock = on_failure.enter_context(_opened(RUNNING))
        began = looked_at = time.monotonic()
        is_said = False
        while not _is_locked(lock, fcntl.LOCK_EX):
            now = time.monotonic()
            if _is_locked(lock, fcntl.LOCK_SH):
                fcntl.flock(lock, fcntl.LOCK_UN)
                looked_at = now
                if now - began > _PATIENCE and not is_said:
                    say("Waiting for another Snakemake that puts the times of results in order.")
                    is_said = True
            elif now - looked_at > _PATIENCE:
                raise AnotherWorkflowError(_refusal(lock))
            time.sleep(_PAUSE)
        # The text is for people alone: a full disk must not stop the workflow here.
        with contextlib.suppress(OSError):
            lock.truncate(0)
            lock.write(_holder().encode(errors="surrogateescape"))
        on_failure.pop_all()
        return lock


@contextlib.contextmanager
def looking() -> Iterator[bool]:
    """Yields whether no workflow executes here; while the block runs, none begins to.

    Where there are no locks, Snakemake's own tell, and nothing keeps another workflow from beginning.
    """
    with contextlib.ExitStack() as stack:
        try:
            alone = _is_locked(stack.enter_context(_opened(RUNNING)), fcntl.LOCK_SH)
        except NoLocksError:
            alone = not _snakemakes_locks()
        yield alone


@contextlib.contextmanager
def in_turn(name: str) -> Iterator[None]:
    """Lets one process at a time into the blocks of this name in this folder, where there are locks."""
    with contextlib.ExitStack() as stack:
        with contextlib.suppress(NoLocksError, OSError):
            fcntl.flock(stack.enter_context(_opened(FOLDER / name)), fcntl.LOCK_EX)
        yield


def within(
    enter: Callable[..., contextlib.AbstractContextManager[object]], call: Callable[..., T]
) -> Callable[..., T]:
    """Wraps `call` so that it runs within the context that `enter` gives for the same arguments."""

    @functools.wraps(call)
    def call_within(*args: object, **settings: object) -> T:
        with enter(*args, **settings):
            return call(*args, **settings)

    return call_within


def remove_stale_locks() -> None:
    """Removes Snakemake's locks; only for who holds the lock, or looks and is alone."""
    for lock in _snakemakes_locks():
        lock.unlink(missing_ok=True)


def _snakemakes_locks() -> list[Path]:
    return list(_SNAKEMAKES.glob("*.lock"))


def _opened(path: Path) -> BinaryIO:
    try:
        path.parent.mkdir(exist_ok=True)
        # Network file systems grant an exclusive lock only to who may write.
        return os.fdopen(os.open(path, os.O_RDWR | os.O_CREAT, 0o666), "r+b", buffering=0)
    except OSError as error:
        raise NoLocksError(f"{path}: cannot be opened for writing ({error.strerror})") from error


def _is_locked(lock: BinaryIO, kind: int) -> bool:
    try:
        fcntl.flock(lock, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        raise NoLocksError(f"{RUNNING}: this file system knows no locks ({error.strerror})") from error
    return True


def _holder() -> str:
    since = time.strftime("%Y-%m-%d %H:%M:%S")
    return f"process {os.getpid()} on {socket.gethostname()}, since {since}: {shlex.join(sys.argv)}"


def _refusal(lock: BinaryIO) -> str:
    lock.seek(0)
    holder = lock.read().decode(errors="replace").strip() or f"{RUNNING} does not say which"
    return (
        f"Another workflow runs in this folder: {holder}\n"
        "Nothing was changed. Wait until it has ended, or stop it: with Ctrl-C where it was started, or on\n"
        "its host with `kill` and the number of that process, upon which it lets the jobs that run now end.\n"
        "Then start again. Dry runs (-n) are possible meanwhile."
    )
