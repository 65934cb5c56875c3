"""Runs that were set aside: whose they are, and which of them a run can continue from."""

from __future__ import annotations

import dataclasses
import json
import os
from collections.abc import Iterable
from pathlib import Path

from ddpm.errors import DDPMError, StateError
from ddpm.network.weights import read_weights
from ddpm.records.reading import require_readable
from ddpm.training.state import StateFolder

# Says whose files lie in a folder; written before them.
DESCRIPTION = "run.json"
UNKNOWN = "unknown"


@dataclasses.dataclass(frozen=True)
class ShorterRun:
    """A run that differs in a smaller number of steps alone: its folder, and the updates that were made."""

    place: Path
    updates: int


def read_description(folder: Path) -> dict[str, str]:
    """What a folder's run.json says; nothing if it is missing or damaged.

    Raises:
        StateError: it is there but may not be read.
    """
    path = folder / DESCRIPTION
    if os.path.lexists(path):
        require_readable(path, StateError, "no such file")
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def set_aside(folder: Path, place: Path) -> Path | None:
    """Renames a run's folder, if there is something in it; returns where it lies now, or None."""
    if not folder.exists():
        return None
    if not any(folder.iterdir()):
        folder.rmdir()
        return None
    free = _unused(place)
    free.parent.mkdir(parents=True, exist_ok=True)
    return folder.rename(free)


def shorter_run(earlier: Path, continued: str, steps: int, checkpoints: Iterable[int]) -> ShorterRun | None:
    """The most advanced run under `earlier` that one can continue from, or None.

    Args:
        earlier: where runs of one model and seed were set aside.
        continued: what `run.json` says of runs that differ in the number of steps alone.
        steps: of the run that is to continue.
        checkpoints: steps whose weights it keeps; those that were passed must be there.
    """
    wanted, found = list(checkpoints), []
    for place in sorted(earlier.glob("*")):
        if read_description(place).get("continued") != continued:
            continue
        try:
            state = StateFolder(place / "state", continued).load()
        except DDPMError:
            continue
        if state is None or state.updates > steps:
            continue
        if all(weights_of(place, step) for step in wanted if step <= state.updates):
            found.append(ShorterRun(place, state.updates))
    return max(found, key=lambda run: run.updates, default=None)


def weights_of(place: Path, step: int) -> Path | None:
    """The weights of a step in the folder of a run: a checkpoint, or those of its last step."""
    checkpoint = place / "checkpoints" / f"step{step}.safetensors"
    for path in (checkpoint, place / "weights.safetensors"):
        try:
            if int(read_weights(path)[1]["updates"]) == step:
                return path
        except (DDPMError, ValueError, KeyError):
            continue
    return None


def _unused(place: Path) -> Path:
    """The place, or the first of `place.2`, `place.3`, ... that is free."""
    number, free = 1, place
    while free.exists():
        number += 1
        free = place.with_name(f"{place.name}.{number}")
    return free
