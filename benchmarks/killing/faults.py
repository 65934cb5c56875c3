"""The ways in which the drill disturbs a workflow whose processes it has stopped."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
from collections.abc import Sequence
from pathlib import Path

from killing.results import saved_states
from killing.workflow import Workflow

KINDS = {
    "kill": "SIGKILL to Snakemake and all its jobs",
    "terminate": "SIGTERM to Snakemake and all its jobs",
    "job": "SIGKILL to one job; Snakemake sees it fail",
    "orphans": "SIGKILL to Snakemake alone; its jobs run on beside the restarted workflow",
    "file-size": "writes beyond a size fail (RLIMIT_FSIZE), then SIGKILL to all",
    "state": "SIGKILL during training, then the latest saved state is truncated, altered or removed",
}


def can_strike(kind: str, workflow: Workflow, folder: Path) -> bool:
    """Whether the workflow is where this kind of fault can strike; most kinds can at any moment.

    A state is damaged only where an older one is left.
    """
    if kind == "job":
        return bool(workflow.jobs())
    if kind == "state":
        return "train" in workflow.jobs().values() and len(saved_states(folder)) > 1
    return True


# Seconds from SIGTERM to SIGKILL.
_GRACE = 60.0


@dataclasses.dataclass(frozen=True)
class Fault:
    """A fault that struck: its kind, the rules of the jobs that ran, and what was done."""

    kind: str
    rules: Sequence[str]
    detail: str = ""

    def __str__(self) -> str:
        words = f"{self.kind} during {', '.join(self.rules) or 'no job'}"
        return f"{words}: {self.detail}" if self.detail else words


def strike(kind: str, workflow: Workflow, folder: Path, chance: random.Random, on_seconds: float) -> Fault:
    """Disturbs a stopped workflow where `can_strike` holds; Snakemake is gone afterwards.

    After SIGKILL to one job it goes on for `on_seconds` at most.
    """
    jobs, detail = workflow.jobs(), ""
    if kind == "terminate":
        workflow.signal(signal.SIGTERM)
        workflow.signal(signal.SIGCONT)
        # As schedulers do. Snakemake 9.27 can wait for itself for ever: its handler of the signal takes a
        # lock that the interrupted code may hold.
        if workflow.wait(_GRACE) is None:
            detail = f"still there after {_GRACE:.0f} s, killed"
            workflow.kill()
    elif kind == "orphans":
        workflow.process.kill()
        workflow.process.wait()
        workflow.signal(signal.SIGCONT)
    elif kind == "job":
        victim = chance.choice(sorted(jobs))
        os.kill(victim, signal.SIGKILL)
        workflow.signal(signal.SIGCONT)
        # Snakemake ends when all that does not need this job is done.
        status = workflow.wait(on_seconds)
        workflow.kill()
        how = "went on, then killed" if status is None else f"ended with status {status}"
        detail = f"{jobs[victim]} killed; the workflow {how}"
    else:
        workflow.kill()
    if kind == "state":
        detail = _damage(saved_states(folder)[-1], chance)
    return Fault(kind, sorted(jobs.values()), detail)


def _damage(state: Path, chance: random.Random) -> str:
    """Truncates, alters or removes a file."""
    content = bytearray(state.read_bytes())
    place = chance.randrange(len(content))
    how = chance.choice(["truncated to", "altered at", "removed, not altered at"])
    if how.startswith("removed"):
        state.unlink()
    elif how.startswith("truncated"):
        state.write_bytes(content[:place])
    else:
        content[place] ^= 1 << chance.randrange(8)
        state.write_bytes(content)
    return f"latest state {how} byte {place:,} of {len(content):,}"
