"""The ways in which the drill disturbs a workflow whose processes it has stopped."""

from __future__ import annotations

import dataclasses
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path

from killing.disk import SmallDisk
from killing.snapshot import STATE, Snapshot, saved_updates, snapshot
from killing.workflow import Workflow

KINDS = {
    "kill": "SIGKILL to Snakemake and all its jobs",
    "terminate": "SIGTERM to Snakemake and all its jobs",
    "job": "SIGKILL to one job; Snakemake sees it fail",
    "orphans": "SIGKILL to Snakemake alone; its jobs run on beside the restarted workflow",
    "full-disk": "the disk is full for a while",
    "file-size": "writes beyond a size fail (RLIMIT_FSIZE)",
    "state": "SIGKILL during training, then the latest saved state is truncated, altered or removed",
}
# Those that strike a running job or a saved state; others strike at any moment.
NEED_A_PLACE = ("job", "state")
_STOP_SECONDS = 600.0


@dataclasses.dataclass(frozen=True)
class Strike:
    """A fault as it happened.

    Attributes:
        running: the rules of the jobs that ran; none while Snakemake starts or ends.
        before: the folder as the fault met it.
        detail: which signal, damage or size, in words.
        redone: saved updates that the fault itself took away; 0 but where it damages a state.
        problem: what went wrong; empty if nothing did.
    """

    running: list[str]
    before: Snapshot
    detail: str = ""
    redone: int = 0
    problem: str = ""


def strike(
    kind: str, workflow: Workflow, folder: Path, disk: SmallDisk, chance: random.Random, on_seconds: float
) -> Strike:
    """Disturbs the workflow and waits until it has ended, which is `on_seconds` later at most if it goes on.

    Args:
        kind: of fault; one of NEED_A_PLACE only if it can strike.
        workflow: stopped.
        folder: where it runs.
        disk: what `folder` lies on.
        chance: for what is left to chance.
        on_seconds: see above.

    Raises:
        TimeoutError: it goes on although it was told to stop.
    """
    if kind == "full-disk":
        return _fill_disk(workflow, folder, disk, chance, on_seconds)
    jobs, before = workflow.jobs(), snapshot(folder)
    running = sorted(jobs.values())
    if kind == "terminate":
        workflow.signal_group(signal.SIGTERM)
        workflow.signal_group(signal.SIGCONT)
        return Strike(running, before, problem=_ended(workflow))
    if kind == "orphans":
        workflow.process.kill()
        workflow.process.wait()
        workflow.signal_group(signal.SIGCONT)
        return Strike(running, before, f"{len(jobs)} jobs run on")
    if kind == "job":
        victim = chance.choice(sorted(jobs))
        workflow.kill_job(victim)
        workflow.signal_group(signal.SIGCONT)
        return Strike([jobs[victim]], before, _runs_on(workflow, on_seconds))
    workflow.kill()
    if kind != "state":
        return Strike(running, before)
    detail = _damage(folder / STATE / "latest.safetensors", chance)
    return Strike(running, before, detail, before.saved_updates - saved_updates(folder / STATE))


def can_strike(kind: str, workflow: Workflow, folder: Path) -> bool:
    """Whether the workflow has come to where this fault can strike."""
    if kind == "state":
        return (folder / STATE / "previous.safetensors").exists()
    return bool(workflow.jobs())


def _ended(workflow: Workflow) -> str:
    """Waits for the end; a workflow that does not end is killed, and that is a problem."""
    try:
        workflow.wait(_STOP_SECONDS)
    except TimeoutError as error:
        workflow.kill()
        return f"{error}; it had to be killed"
    return ""


def _runs_on(workflow: Workflow, seconds: float) -> str:
    """Leaves the workflow to itself for a while: it ends when all else is done."""
    try:
        return f"ended with status {workflow.wait(seconds)}"
    except TimeoutError:
        workflow.kill()
        return "went on, then killed"


def _fill_disk(
    workflow: Workflow, folder: Path, disk: SmallDisk, chance: random.Random, on_seconds: float
) -> Strike:
    running, before = sorted(workflow.jobs().values()), snapshot(folder)
    left, seconds = chance.randrange(2**16), chance.uniform(0.5, 4)
    disk.fill(left)
    workflow.signal_group(signal.SIGCONT)
    time.sleep(seconds)
    disk.free()
    return Strike(
        running, before, f"{left:,} bytes left for {seconds:.1f} s; {_runs_on(workflow, on_seconds)}"
    )


def _damage(latest: Path, chance: random.Random) -> str:
    """Truncates, alters or removes the latest state, where an older one remains."""
    if not latest.with_name("previous.safetensors").exists() or not latest.exists():
        return "no two states: nothing damaged"
    content = bytearray(latest.read_bytes())
    place = chance.randrange(len(content))
    damages: dict[str, Callable[[], object]] = {
        f"truncated to {place:,} of {len(content):,} bytes": lambda: latest.write_bytes(content[:place]),
        f"byte {place:,} altered": lambda: latest.write_bytes(
            content[:place] + bytes([content[place] ^ (1 << chance.randrange(8))]) + content[place + 1 :]
        ),
        "removed": latest.unlink,
    }
    detail = chance.choice(list(damages))
    damages[detail]()
    return detail
