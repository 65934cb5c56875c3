"""What lies in a working folder at one moment: finished results, how far training was saved, leftovers."""

from __future__ import annotations

import base64
import binascii
import dataclasses
import hashlib
from pathlib import Path

from killing.comparison import result_files
from killing.study import HOME, MODEL

from ddpm.errors import DDPMError
from ddpm.network.weights import read_weights

RUN = HOME / "models" / MODEL / "seed0"
STATE = RUN / "state"
WEIGHTS = RUN / "weights.safetensors"
KEPT = STATE / "finished" / WEIGHTS.name


@dataclasses.dataclass(frozen=True)
class Snapshot:
    """A working folder whose processes are stopped or gone.

    Attributes:
        finished: SHA-256 of the bytes of every result whose job has ended, by path.
        times: when each was written, in nanoseconds.
        saved_updates: of the most advanced whole state; 0 if there is none.
        unprotected: training is complete and its state removed, but Snakemake does not know yet that the job
            has ended, and training keeps no second names of its results: it will remove the weights and train
            from the start.
    """

    finished: dict[str, str]
    times: dict[str, int]
    saved_updates: int
    unprotected: bool


def snapshot(folder: Path) -> Snapshot:
    """Looks at a folder; nothing may write there meanwhile."""
    unfinished = incomplete(folder)
    files = [HOME / path for path in result_files(folder / HOME)] if (folder / HOME).exists() else []
    finished = [path for path in files if path.as_posix() not in unfinished]
    protected = saved_updates(folder / STATE) > 0 or (folder / KEPT).exists()
    return Snapshot(
        {path.as_posix(): hashlib.sha256((folder / path).read_bytes()).hexdigest() for path in finished},
        {path.as_posix(): (folder / path).stat().st_mtime_ns for path in finished},
        saved_updates(folder / STATE),
        not protected and (folder / WEIGHTS).exists() and WEIGHTS.as_posix() in unfinished,
    )


def lost(before: Snapshot, after: Snapshot) -> list[str]:
    """One line for each finished result that is gone or changed since."""
    return [
        f"{path}: {'gone' if path not in after.finished else 'changed'} after a restart"
        for path, digest in before.finished.items()
        if after.finished.get(path) != digest
    ]


def remade(before: Snapshot, after: Snapshot) -> int:
    """How many finished results were written once more, with the same content."""
    return sum(
        after.times[path] != time and after.finished[path] == before.finished[path]
        for path, time in before.times.items()
        if path in after.times
    )


def incomplete(folder: Path) -> set[str]:
    """The outputs that Snakemake has marked as those of jobs that have not ended."""
    found = set()
    markers = folder / ".snakemake" / "incomplete"
    for marker in markers.rglob("*") if markers.exists() else []:
        if marker.is_file():
            # A long name is cut into folders whose names begin with @.
            coded = "".join(part.removeprefix("@") for part in marker.relative_to(markers).parts)
            try:
                found.add(base64.b64decode(coded, altchars=b"-_").decode())
            except (binascii.Error, UnicodeDecodeError):
                continue
    return found


def saved_updates(state: Path) -> int:
    """Updates of the most advanced whole state in a folder; 0 if there is none."""
    updates = 0
    for name in ("new", "latest", "previous"):
        try:
            provenance = read_weights(state / f"{name}.safetensors")[1]
        except DDPMError:
            continue
        updates = max(updates, int(provenance["updates"]))
    return updates


def leftovers(folder: Path, temporary: Path) -> dict[str, list[str]]:
    """Files that a killed process left behind, by kind."""
    home = folder / HOME
    named = {
        "temporary files (*.partial)": [path for path in home.rglob(".*.partial*")],
        "probes of writability (.writable)": [path for path in home.rglob(".writable")],
        "training states": [path for path in home.rglob("state*") if path.is_dir()],
        "files of training states": [path for path in home.rglob("state*/**/*") if path.is_file()],
        "Snakemake's locks": list((folder / ".snakemake" / "locks").glob("*")),
        "Snakemake's marks of incomplete files": [
            path for path in (folder / ".snakemake" / "incomplete").rglob("*") if path.is_file()
        ],
    }
    found = {
        kind: sorted(path.relative_to(folder).as_posix() for path in paths) for kind, paths in named.items()
    }
    found["in the folder of temporary files"] = sorted(path.name for path in temporary.iterdir())
    return found
