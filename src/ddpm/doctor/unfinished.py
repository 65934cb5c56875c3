"""What an interrupted or a running workflow left: locks, and training runs that go on."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ddpm.doctor.finding import Finding, ok, warning
from ddpm.graph import layout, run_files
from ddpm.records.locks import holder
from ddpm.study import Study

WORKFLOW_LOCK = Path("results/.workflow.lock")


def workflow_lock(path: Path = WORKFLOW_LOCK) -> Iterator[Finding]:
    """Whether a workflow runs in this folder; a lock whose holder is gone is removed."""
    if found := holder(path):
        remedy = "wait until it has ended before you start another one; dry runs (snakemake -n) are possible"
        yield warning("workflow", f"one runs in this folder: {found}", remedy)
    else:
        yield ok("workflow", "none runs in this folder")


def runs(study: Study) -> Iterator[Finding]:
    """Training runs that have begun and are not complete."""
    trained = [model for model in study.models if study.model(model).is_trained]
    unfinished, running = [], []
    for run in run_files.training_runs(study, trained):
        title = f"{run['model']} seed {run['seed']}"
        if holder(layout.path(layout.TRAINING_LOCK, study.name, **run)):
            running.append(title)
        elif (
            layout.path(layout.STATE, study.name, **run).is_dir()
            and not layout.path(layout.RECEIPT, study.name, **run).exists()
        ):
            unfinished.append(title)
    if running:
        yield ok("training", f"under way: {', '.join(running)}")
    if unfinished:
        text = f"begun and not complete: {', '.join(unfinished)}"
        yield warning("training", text, "the same command as before goes on where they stopped")
    if not running and not unfinished:
        yield ok("training", "no run of the study is half done")
