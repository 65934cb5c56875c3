"""What keeps a file from being read: it is missing, not permitted, a link to nothing, a pointer to it."""

from __future__ import annotations

import errno
import os
import stat
from pathlib import Path

from ddpm.errors import DDPMError

# What stands in a file's place in a clone whose large files were not fetched, and what fetches them.
_POINTERS = (
    (b"version https://git-lfs.github.com/spec/", "a git-lfs pointer", "git lfs pull"),
    (b"version https://hawser.github.com/spec/", "a git-lfs pointer", "git lfs pull"),
    (b"/annex/objects/", "a git-annex pointer", "git annex get"),
)


def require_readable(path: str | Path, error: type[DDPMError], missing: str) -> None:
    """Raises `error` unless `path` is a file whose content can be read.

    Args:
        path: the file, or a link to it.
        error: the class of the error.
        missing: what is wrong, and what to do, where there is no such file.

    Raises:
        DDPMError: of that class. The message says which it is: no file, no permission, a link to something
            that is not there, a folder, a pipe, or the pointer that git-lfs or git-annex left in its place.
    """
    if reason := unreadable(path, missing):
        raise error(f"{path}: {reason}")


def unreadable(path: str | Path, missing: str = "no such file") -> str:
    """Why a file's content cannot be read, and what to do; "" if it can. `missing` as above."""
    path = Path(path)
    try:
        mode = path.stat().st_mode
        if stat.S_ISDIR(mode):
            return "is a folder, not a file; give the path of the file"
        if not stat.S_ISREG(mode):
            return "is no regular file (a pipe, a socket or a device); give the path of a file"
        with open(path, "rb") as file:
            head = file.read(64)
    except OSError as error:
        return why(path, error, missing)
    for sign, kind, command in _POINTERS:
        if head.startswith(sign):
            return f"{kind}, not the file itself: run `{command}` where it was cloned, then try again"
    return ""


def why(path: str | Path, error: OSError, missing: str = "no such file") -> str:
    """Why opening a file failed, and what to do; `missing` where there is none."""
    path = Path(path)
    if error.errno in (errno.ENOENT, errno.ENOTDIR):
        return _dead_link(path) or missing
    if error.errno in (errno.EACCES, errno.EPERM):
        return (
            f"it is there but may not be read (permission denied{_owner(path)}); make it, and the folders "
            "above it, readable for you, or ask its owner to"
        )
    if error.errno == errno.ELOOP:
        return "a link that leads back to itself; remove it and put the file there"
    return f"cannot be read ({error.strerror or error})"


def _dead_link(path: Path) -> str:
    """The first link on the way to `path` that leads nowhere, and the remedy; "" if there is none."""
    for place in (*reversed(path.parents), path):
        if place.is_symlink() and not place.exists():
            itself = "" if place == path else f"{place} is "
            return (
                f"{itself}a link to {os.readlink(place)}, which is not there; bring that back (of DVC's "
                "cache: `dvc pull` or `dvc checkout`), or remove the link"
            )
    return ""


def _owner(path: Path) -> str:
    try:
        return f"; it belongs to {path.owner()}"
    except (OSError, KeyError):
        return ""
