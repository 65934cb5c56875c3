"""Snakemake's own records under .snakemake: whether it made a file here, and marks of unfinished files.

Where the records lie elsewhere (another persistence backend), files count as not made here and are looked at
each time, which costs seconds; and data sets of other settings stop their jobs with an error instead of being
made again.
"""

from __future__ import annotations

import base64
import contextlib
import os
from pathlib import Path

from ddpm.files import write_text

RECORDS = Path(".snakemake/metadata")
UNFINISHED = Path(".snakemake/incomplete")
_LONGEST_NAME = 254


def made_here(path: str) -> bool:
    """Whether there is a record of the file that is no older than the file."""
    try:
        return record(RECORDS, path).stat().st_mtime_ns >= os.lstat(path).st_mtime_ns
    except OSError:
        return False


def forget(path: str) -> None:
    """Drops the record of a file that DVC has replaced since, as `snakemake --cleanup-metadata` does."""
    with contextlib.suppress(OSError):
        record(RECORDS, path).unlink()


def mark_unfinished(path: str) -> None:
    """Has a run with --rerun-incomplete (the profiles set it) make the file again if it needs it."""
    mark = record(UNFINISHED, path)
    if not mark.exists():
        write_text(mark, '{"external_jobid": null}')


def unmark_unfinished(path: str) -> None:
    """Takes the mark back."""
    with contextlib.suppress(OSError):
        record(UNFINISHED, path).unlink()


def is_marked_unfinished(path: str) -> bool:
    """Whether a job that makes the file has begun and not ended, as far as Snakemake knows."""
    return record(UNFINISHED, path).exists()


def record(folder: Path, path: str) -> Path:
    """Where Snakemake keeps a file's record: the base64 of its path, cut where names may be no longer."""
    name = base64.urlsafe_b64encode(path.encode()).decode()
    parts = [name[at : at + _LONGEST_NAME] for at in range(0, len(name), _LONGEST_NAME)]
    return folder.joinpath(*(f"@{part}" for part in parts[:-1]), parts[-1])
