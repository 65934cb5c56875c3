"""Locks on open files, between processes; the kernel drops them with the process that holds them."""

from __future__ import annotations

import enum
import fcntl


class Lock(enum.Enum):
    """What came of asking for a lock."""

    HELD = "held"
    BUSY = "held by another"
    UNKNOWN = "the file system knows no locks"


def try_lock(handle: int) -> Lock:
    """Asks for the one lock of an open file, without waiting.

    Args:
        handle: a file descriptor that may write (network file systems ask for that). The lock lasts until it
            and its copies in child processes are closed.
    """
    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return Lock.BUSY
    except OSError:
        # ENOLCK, EOPNOTSUPP, ENOSYS, EINVAL: which one, depends on the file system.
        return Lock.UNKNOWN
    return Lock.HELD
