"""Temporary files beside the file that they become; those of killed writers are told from those in use.

A writer holds the lock of its temporary file, which the kernel drops should it be killed. So a temporary file
that can be locked is nobody's, and the next writer of the same target removes it. That rests on writers that
keep the file which was made for them: they open it by its path and truncate it. For one that replaced it the
lock would be lost, and with it no more than the protection from a second writer of the same target.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import re
import secrets
from collections.abc import Iterator
from pathlib import Path


class Lock(enum.Enum):
    """What came of asking for a lock."""

    HELD = "held"
    BUSY = "held by another"
    UNKNOWN = "the file system knows no locks"


def try_lock(handle: int) -> Lock:
    """Asks for the one lock of an open file that may be written, without waiting."""
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Lock.BUSY
    except OSError:
        # ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL: which one, depends on the file system.
        return Lock.UNKNOWN
    return Lock.HELD


@contextlib.contextmanager
def temporary_file(path: Path) -> Iterator[Path]:
    """Makes an empty temporary file beside `path`, held until the end, and removes abandoned ones.

    Its name, `.<stem>.<8 hexadecimal digits>.partial<suffix>`, keeps the suffix of `path`, because some
    writers choose a format by it. It is removed at the end unless it was renamed.

    Raises:
        OSError: the file cannot be made.
    """
    temporary, handle = _made(path)
    try:
        _remove_abandoned(path, temporary.name)
        yield temporary
    finally:
        with contextlib.suppress(OSError):
            temporary.unlink(missing_ok=True)
        os.close(handle)


def _made(path: Path) -> tuple[Path, int]:
    """A temporary file, and its descriptor, which holds the lock where there are locks."""
    while True:
        temporary = path.with_name(f".{path.stem}.{secrets.token_hex(4)}.partial{path.suffix}")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o666)
        # Before it was locked, another writer may have taken it for abandoned.
        if try_lock(handle) is not Lock.BUSY and temporary.exists():
            return temporary, handle
        os.close(handle)


def _remove_abandoned(path: Path, own: str) -> None:
    """Removes temporary files of this target that nobody holds, if it can; not its own."""
    name = re.compile(rf"\.{re.escape(path.stem)}\.[0-9a-f]{{8}}\.partial{re.escape(path.suffix)}(\.link)?")
    with contextlib.suppress(OSError):
        for other in os.listdir(path.parent):
            if other != own and name.fullmatch(other):
                with contextlib.suppress(OSError), path.with_name(other).open("r+b") as file:
                    if try_lock(file.fileno()) is Lock.HELD:
                        path.with_name(other).unlink()
