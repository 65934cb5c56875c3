"""What lies in a working folder at one moment: results, how far training was saved, temporary files.

Results are compared byte by byte. Left out are logs, Snakemake's benchmark files and records, which hold
times, temporary files, and the resumable state of training.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
from collections.abc import Mapping
from pathlib import Path

from killing.study import HOME, STATE

from ddpm.artefacts.report.costs import costs_of
from ddpm.errors import DDPMError
from ddpm.network.weights import read_weights

_SKIPPED = ("logs", "benchmarks", "state", "records.json")


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of each result of the study in a working folder, by path relative to the study's home."""
    home = folder / HOME
    found = {}
    for path in sorted(home.rglob("*")):
        parts = path.relative_to(home).parts
        if path.is_file() and not any(part.startswith(".") or part in _SKIPPED for part in parts):
            found[path.relative_to(home).as_posix()] = hashlib.sha256(_content(path)).hexdigest()
    return found


def _content(path: Path) -> bytes:
    """A file's bytes; of the report without the times in it."""
    content = path.read_bytes()
    if path.name != "report.html":
        return content
    text = content.decode()
    return text.replace(costs_of(text), "").encode() if costs_of(text) else content


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One line for each file that is missing, of other content, or was not expected."""
    lines = [f"{name}: missing" for name in expected.keys() - found.keys()]
    lines += [f"{name}: not made by the undisturbed run" for name in found.keys() - expected.keys()]
    lines += [
        f"{name}: other content" for name in expected if found.get(name, expected[name]) != expected[name]
    ]
    return sorted(lines)


def finished(folder: Path) -> dict[str, str]:
    """`digests` without the outputs of jobs whose end Snakemake has not seen."""
    unfinished = _marked_unfinished(folder)
    return {
        name: digest for name, digest in digests(folder).items() if (HOME / name).as_posix() not in unfinished
    }


def saved_updates(folder: Path) -> int:
    """Updates of the most advanced whole training state; 0 if there is none."""
    updates = 0
    for path in saved_states(folder):
        try:
            updates = max(updates, int(read_weights(path)[1]["updates"]))
        except DDPMError:  # Damaged: training goes on from another one.
            continue
    return updates


def saved_states(folder: Path) -> list[Path]:
    """The files of saved training states, the latest last."""
    written = {}
    for path in (folder / STATE).glob("[!.]*.safetensors"):
        # A training that goes on may have put it in another's place meanwhile.
        with contextlib.suppress(FileNotFoundError):
            written[path] = path.stat().st_mtime_ns
    return sorted(written, key=lambda path: written[path])


def _marked_unfinished(folder: Path) -> set[str]:
    found = set()
    markers = folder / ".snakemake" / "incomplete"
    for marker in markers.rglob("*"):
        if marker.is_file():
            # A name in base64; a long one is cut into folders whose names begin with @.
            coded = "".join(part.removeprefix("@") for part in marker.relative_to(markers).parts)
            found.add(base64.b64decode(coded, altchars=b"-_").decode())
    return found
