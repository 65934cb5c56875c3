"""How far each training run of a study is."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from safetensors import SafetensorError, safe_open

from ddpm.graph import layout, run_files
from ddpm.graph.fingerprint import training_fingerprint
from ddpm.records.locks import holder
from ddpm.slurm.queue import QueuedJob, comment_of
from ddpm.study import Study

NOT_BEGUN = "not begun"
_PROGRESS = re.compile(r"([\d,]+)/[\d,]+ steps, (\S+) steps/s, (.+?)(?: left)?(?:, .*)?$")


@dataclass(frozen=True)
class RunStatus:
    """A training run.

    Attributes:
        model, seed: which.
        state: "not begun", "waiting", "running", "saved", "trained", "diverged at step n"; "other settings"
            of a finished run that will be trained anew.
        step: updates done, as far as they are known.
        steps: of the whole run.
        rate: steps/s, of one that runs.
        left: the time left, of one that runs, in words.
        place: where it runs, or why it waits.
        history: the last line of its history; "" if there is none.
    """

    model: str
    seed: int
    state: str
    step: int
    steps: int
    rate: float | None = None
    left: str = ""
    place: str = ""
    history: str = ""


def run_statuses(study: Study, needed: Collection[str], queue: Iterable[QueuedJob] = ()) -> list[RunStatus]:
    """The training runs that a study needs, and others that have begun.

    Args:
        study: the study.
        needed: the file of each job of the study.
        queue: the jobs of its folder in Slurm, if there are any.
    """
    trained = [model for model in study.models if study.model(model).is_trained]
    jobs = {job.comment: job for job in queue}
    found = [(_status(study, run, jobs), run) for run in run_files.training_runs(study, trained)]
    return [
        status
        for status, run in found
        if status.state != NOT_BEGUN or run_files.fill(layout.RECEIPT, study, **run) in needed
    ]


def _status(study: Study, run: Mapping[str, Any], jobs: Mapping[str, QueuedJob]) -> RunStatus:
    steps = study.model(run["model"]).training.steps
    job = jobs.get(comment_of("train", layout.home(study.name), run["model"], str(run["seed"])))
    lock = layout.path(layout.TRAINING_LOCK, study.name, **run)
    running = holder(lock)
    about = {**run, "steps": steps, "history": _last_line(study, run)}
    if job is not None and job.state == "PENDING":
        return RunStatus(
            state="waiting", step=_saved(study, run), place=f"Slurm job {job.number}: {job.reason}", **about
        )
    if job is not None or running:
        place = f"Slurm job {job.number}, {job.node}, {job.elapsed}" if job is not None else running
        step, rate, left = _progress(study, run)
        return RunStatus(
            state="running", step=max(step, _saved(study, run)), rate=rate, left=left, place=place, **about
        )
    if (receipt := _receipt(study, run)) is not None:
        same = receipt.get("settings") == training_fingerprint(study, run["model"])
        state = str(receipt.get("status")) if same else "other settings"
        return RunStatus(state=state, step=int(receipt.get("updates", 0)), **about)
    step = _saved(study, run)
    return RunStatus(state="saved" if step else NOT_BEGUN, step=step, **about)


def _receipt(study: Study, run: Mapping[str, Any]) -> dict[str, Any] | None:
    try:
        content = json.loads(layout.path(layout.RECEIPT, study.name, **run).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None


def _saved(study: Study, run: Mapping[str, Any]) -> int:
    """The updates of the saved state, from its header; 0 if there is none that can be read."""
    folder = layout.path(layout.STATE, study.name, **run)
    return max(_updates(folder / f"{name}.safetensors") for name in ("new", "latest", "previous"))


def _updates(path: Path) -> int:
    try:
        with safe_open(path, framework="np") as file:
            return int(json.loads((file.metadata() or {})["provenance"])["updates"])
    except (OSError, SafetensorError, ValueError, KeyError, TypeError):
        return 0


def _progress(study: Study, run: Mapping[str, Any]) -> tuple[int, float | None, str]:
    """Step, steps/s and time left of the last line of progress in a run's log."""
    for line in reversed(_lines(layout.path(layout.TRAINING_LOG, study.name, **run))):
        if found := _PROGRESS.search(line):
            return int(found[1].replace(",", "")), float(found[2]), found[3]
    return 0, None, ""


def _last_line(study: Study, run: Mapping[str, Any]) -> str:
    lines = _lines(layout.path(layout.TRAINING_HISTORY, study.name, **run))
    return lines[-1] if lines else ""


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
