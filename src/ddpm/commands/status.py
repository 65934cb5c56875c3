"""Show how far a study is: each training run, the other jobs by rule, and what waits or runs in Slurm."""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import shutil
import sys

from ddpm.errors import SlurmError
from ddpm.slurm.queue import QueuedJob, jobs_of
from ddpm.study import Study

GROUP = "the study"
EXAMPLES = ("ddpm status config/demo.yaml", "ddpm status config/paper.yaml --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --json."""
    parser.add_argument("--json", action="store_true", help="print it as one JSON object")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Prints to standard output; nothing is changed, and no job is asked anything."""
    from ddpm.status.jobs import counts, needed_files
    from ddpm.status.runs import run_statuses
    from ddpm.status.text import status_text

    queue = _queue()
    needed, unknown = needed_files(study)
    runs, by_rule = run_statuses(study, needed, queue or ()), counts(needed, unknown)
    if arguments.json:
        content = {"runs": runs, "jobs": by_rule, "slurm": queue}
        text = json.dumps(content, default=dataclasses.asdict, indent=1)
    else:
        text = status_text(runs, by_rule, queue)
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader (`ddpm status ... | head`) has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _queue() -> list[QueuedJob] | None:
    """The jobs of this folder in Slurm; None where there is none, or it does not answer."""
    if shutil.which("squeue") is None:
        return None
    try:
        return jobs_of(os.getcwd())
    except SlurmError as error:
        print(f"warning: {error}", file=sys.stderr)
        return None
