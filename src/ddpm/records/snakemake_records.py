"""Snakemake's records of a study's files, which travel beside its results.

For each file that a rule made, Snakemake keeps how: rule, settings, and the hashes of its inputs (one JSON
file each under .snakemake/metadata; the name is the file's path in base64). With them it tells what is
current, whatever the file times say. Results that `dvc pull` brings to another folder lack them there, so a
copy is kept with the results: written when a workflow ends, and taken over at a start for each file that is
as it was then.
"""

from __future__ import annotations

import base64
import contextlib
import json
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

from ddpm.graph import layout
from ddpm.records.files import sha256, write_text

RECORDS = Path(".snakemake/metadata")
# A part of a name that goes on in the folder of this name.
_CONTINUED = "@"
_LONGEST_NAME = 255
# Seconds to which a file's time survives as a floating-point number.
_SAME_TIME = 1e-5


def keep_records(home: str) -> None:
    """Copies the records of all files of a study beside its results, with the hashes of those files.

    Raises:
        OutputError: the copy cannot be written.
    """
    path, kept = Path(layout.RECORDS.format(home=home)), read_kept(home)
    found = dict(kept)
    for file, record in _records(home):
        if not Path(file).is_file():
            continue
        if file not in kept or kept[file]["record"] != record:
            found[file] = {"record": record, "size": Path(file).stat().st_size, "sha256": sha256(file)}
    if found != kept:
        write_text(path, json.dumps(found, indent=0, sort_keys=True) + "\n")


def take_over_records(home: str) -> int:
    """Gives Snakemake the kept record of each file that is as it was then, or not there; returns how many.

    A file that was made here, or that differs from what the copy describes, keeps the record it has. The
    record of a file that is not there tells whether what was made from it is current.
    """
    taken = 0
    for file, entry in read_kept(home).items():
        place = _place(file)
        own = _read(place)
        if own == entry["record"] or _made_here(file, own):
            continue
        if not _is_as_described(file, entry) and (own or Path(file).exists()):
            continue
        place.parent.mkdir(parents=True, exist_ok=True)
        # Snakemake takes a folder of records without one of these for that of an old version.
        RECORDS.with_name("incomplete").mkdir(exist_ok=True)
        write_text(place, json.dumps(entry["record"]))
        taken += 1
    return taken


def read_kept(home: str) -> dict[str, dict[str, Any]]:
    """By file: its `record`, `size` [bytes] and `sha256`; nothing if there is no copy, or a damaged one."""
    content = _read(Path(layout.RECORDS.format(home=home)))
    return content if all(isinstance(entry, dict) and "record" in entry for entry in content.values()) else {}


def _made_here(file: str, record: dict[str, Any]) -> bool:
    """Whether the file has the time that its record says it was made at."""
    try:
        return abs(Path(file).stat().st_mtime - float(record["endtime"])) < _SAME_TIME
    except (OSError, KeyError, TypeError, ValueError):
        return False


def _is_as_described(file: str, entry: dict[str, Any]) -> bool:
    try:
        return Path(file).stat().st_size == entry["size"] and sha256(file) == entry["sha256"]
    except (OSError, KeyError):
        return False


def _records(home: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """All files of a study that Snakemake has a record of, and the records."""
    for path in sorted(RECORDS.rglob("*")):
        # A name that is not base64 is no record.
        with contextlib.suppress(ValueError):
            name = "".join(part.removeprefix(_CONTINUED) for part in path.relative_to(RECORDS).parts)
            file = base64.urlsafe_b64decode(name.encode()).decode()
            if is_file_of(file, home) and (record := _read(path)):
                yield file, record


def is_file_of(file: str, home: str) -> bool:
    """Whether a file belongs to the study whose results lie in `home`; the paper's has the others' in it."""
    parts = PurePosixPath(file).parts
    if home == layout.home("paper"):
        return parts[:1] == (home,) and (len(parts) == 2 or parts[1] in layout.RESERVED_NAMES)
    return PurePosixPath(file).is_relative_to(home)


def _place(file: str) -> Path:
    """Where Snakemake keeps the record of a file."""
    name = base64.urlsafe_b64encode(file.encode()).decode()
    size = _LONGEST_NAME - 1
    parts = [name[first : first + size] for first in range(0, len(name), size)]
    return RECORDS.joinpath(*(f"{_CONTINUED}{part}" for part in parts[:-1]), parts[-1])


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
