"""The disks of results and resources: space, atomic renames, locks, and network file systems."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ddpm.doctor.finding import Finding, failed, ok, warning
from ddpm.errors import OutputError
from ddpm.plan.units import size
from ddpm.records.files import write_text
from ddpm.records.locks import NoLocksError, SignedLock

# What the demo writes, with room for more.
LEAST = 2e9
_MOUNTS = Path("/proc/mounts")
_ONE_AT_A_TIME = "start one workflow at a time, and all of one folder on one machine"
# Whose renames or locks are not those of a disk, whatever their options.
_LOOSE = frozenset(
    {"cifs", "smb3", "smbfs", "9p", "vboxsf", "drvfs", "fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse"}
)
# Options with which locks hold on one machine alone.
_LOCAL_LOCKS = {"nfs": ("nolock", "local_lock=all", "local_lock=flock"), "lustre": ("localflock", "noflock")}


def disk(folder: Path, need: float | None, mounts: Path = _MOUNTS) -> Iterator[Finding]:
    """Whether files can be written to a folder as they must be.

    Args:
        folder: results or resources; it need not be there.
        need: bytes that will be written; None if that is not known.
        mounts: the system's list of mounts.
    """
    place = existing(folder)
    kind, options = file_system(place.resolve(), mounts)
    free = shutil.disk_usage(place).free
    text = f"{folder}/: {size(free)} free"
    text += f", and the study writes about {size(need)}" if need else ""
    text += f" ({kind})" if kind else ""
    if free < (LEAST if need is None else need):
        yield failed("disk", text, "free space, or put a link to a folder on a larger disk in its place")
        return
    try:
        locks = _try_out(place)
    except (OSError, OutputError) as error:
        yield failed("disk", f"{folder}/: cannot be written: {error}", "make it writable, or work elsewhere")
        return
    if not locks:
        yield warning("disk", f"{text}: this file system knows no locks", _ONE_AT_A_TIME)
    elif kind in _LOOSE:
        remedy = f"use a local disk, or {_ONE_AT_A_TIME}"
        yield warning("disk", f"{text}: on such a file system locks or renames may not hold", remedy)
    elif local := _local_locks(kind, options):
        yield warning(
            "disk", f"{text}: with its option {local} locks hold on one machine alone", _ONE_AT_A_TIME
        )
    else:
        yield ok("disk", f"{text}; renames and locks work")


def existing(folder: Path) -> Path:
    """The folder, or the nearest one above it that is there."""
    folder = folder.absolute()
    return next(place for place in (folder, *folder.parents) if place.is_dir())


def _try_out(place: Path) -> bool:
    """Replaces a file, and takes a lock; whether there are locks.

    Raises:
        OSError: nothing can be written.
    """
    with tempfile.TemporaryDirectory(dir=place, prefix=".ddpm-doctor-") as folder:
        file = Path(folder, "file")
        for content in ("old", "new"):
            write_text(file, content)
        if file.read_text() != "new":
            raise OSError(f"{file} has other content than what was written last")
        lock = SignedLock(Path(folder, "lock"))
        try:
            return lock.take()
        except NoLocksError:
            return False
        finally:
            lock.release()


def file_system(place: Path, mounts: Path = _MOUNTS) -> tuple[str, frozenset[str]]:
    """Kind and options of the file system that a folder lies in; empty where the system has no list."""
    best: tuple[int, str, frozenset[str]] = (-1, "", frozenset())
    if not mounts.exists():
        return best[1:]
    for line in mounts.read_text(errors="replace").splitlines():
        _, point, kind, options, *_ = line.split(" ")
        # Spaces and the like are written as \040.
        point = re.sub(r"\\(\d{3})", lambda code: chr(int(code[1], 8)), point)
        if place.is_relative_to(point) and len(point) >= best[0]:
            best = (len(point), kind, frozenset(options.split(",")))
    return best[1:]


def _local_locks(kind: str, options: frozenset[str]) -> str:
    """The option with which locks hold on one machine alone; "" if there is none."""
    known = _LOCAL_LOCKS.get("nfs" if kind.startswith("nfs") else kind, ())
    return next((option for option in known if option in options), "")
