"""What a workflow costs beside its work: planning, finding nothing to do, starting a job."""

from __future__ import annotations

import os
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[2]
_REPEATS = 3
_ENVIRONMENT = {"OMP_WAIT_POLICY": "PASSIVE"}


class WorkflowFailed(Exception):
    """Snakemake ended with an error; the message holds the end of what it printed."""


def snakemake(folder: Path, words: Sequence[str]) -> float:
    """Wall seconds of a run of the project's Snakefile in a folder.

    Raises:
        WorkflowFailed: see there.
    """
    command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(folder), *words]
    return _seconds(command)


def new_folder(folder: Path) -> None:
    """Makes a working folder with the project's studies and no results."""
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(ROOT / "config", folder / "config", ignore=shutil.ignore_patterns("*.local.yaml"))


def overheads(folder: Path, words: Sequence[str], complete: bool) -> dict[str, float]:
    """Median wall seconds of what does no work, by description.

    Args:
        folder: a working folder.
        words: the target and options of Snakemake.
        complete: it holds all results, so that a run would find nothing to do; otherwise none is started.

    Raises:
        WorkflowFailed: see there.
    """
    python = [sys.executable, "-c"]
    library = "import ddpm.training.loop, ddpm.sampling.shards, ddpm.commands.train"
    runs: dict[str, Callable[[], float]] = {
        "Snakemake, dry run": lambda: snakemake(folder, [*words, "--dry-run"]),
        "Snakemake, its version alone": lambda: _seconds([sys.executable, "-m", "snakemake", "--version"]),
        "start of Python": lambda: _seconds([*python, "pass"]),
        "start of Python, import of torch": lambda: _seconds([*python, "import torch"]),
        "start of a job: Python, imports of training": lambda: _seconds([*python, library]),
    }
    if complete:
        runs = {"Snakemake, nothing to be done": lambda: snakemake(folder, words)} | runs
    return {name: statistics.median(run() for _ in range(_REPEATS)) for name, run in runs.items()}


def _seconds(command: Sequence[str]) -> float:
    started = time.perf_counter()
    run = subprocess.run(
        command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=os.environ | _ENVIRONMENT
    )
    if run.returncode:
        raise WorkflowFailed(f"{' '.join(command)}: exit status {run.returncode}\n{run.stdout[-3000:]}")
    return time.perf_counter() - started
