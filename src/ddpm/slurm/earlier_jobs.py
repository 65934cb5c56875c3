"""Jobs that a workflow left in Slurm when it was killed: a second one would submit each of them again."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

from ddpm.errors import SlurmError
from ddpm.programs import ask
from ddpm.slurm.queue import PATIENCE, QueuedJob, jobs_of

# Slurm leaves a cancelled job KillWait, by default 30 s, to end by itself.
_SECONDS_TO_END = 300.0
_PAUSE = 1.0  # between looks
_MOST_NAMED = 20
_ENDING = "COMPLETING"


def require_no_jobs(folder: str | Path, cancel: bool = False) -> list[QueuedJob]:
    """Checks that no job of an earlier workflow in this folder waits or runs.

    Those that are about to end, such as jobs just cancelled, are waited for.

    Args:
        folder: where the workflow runs.
        cancel: cancel such jobs and wait until they have ended; training saves its state.

    Returns:
        The jobs that were cancelled.

    Raises:
        SlurmError: there are such jobs, or they do not end; or Slurm does not answer.
    """
    found = [job for job in jobs_of(folder) if job.state != _ENDING]
    if found and not cancel:
        raise SlurmError(_refusal(found))
    if found:
        answer = ask("scancel", *(job.number for job in found), seconds=PATIENCE)
        if answer is None or not answer.good:
            said = "scancel is not on this machine" if answer is None else answer.text
            raise SlurmError(f"The jobs of an earlier workflow cannot be cancelled: {said}\n{_list(found)}")
    _wait_for_end(folder)
    return found


def _wait_for_end(folder: str | Path) -> None:
    end = time.monotonic() + _SECONDS_TO_END
    while left := jobs_of(folder):
        if time.monotonic() > end:
            raise SlurmError(
                f"Cancelled jobs of this folder have not ended within {_SECONDS_TO_END:.0f} s:\n"
                f"{_list(left)}\nNothing was started. Wait until `squeue --me` shows them no longer; should "
                "that not happen, ask the cluster's administrators."
            )
        time.sleep(_PAUSE)


def _refusal(jobs: Sequence[QueuedJob]) -> str:
    count = "1 job" if len(jobs) == 1 else f"{len(jobs)} jobs"
    return (
        f"Slurm still has {count} that an earlier workflow submitted from this folder:\n{_list(jobs)}\n"
        "Nothing was started: each would be submitted a second time. Either wait until they have ended, and\n"
        "start again: what they make stays. Or have them cancelled first (training saves its state):\n"
        "    snakemake ... --config cancel_jobs=true"
    )


def _list(jobs: Sequence[QueuedJob]) -> str:
    lines = [f"    {job.number}  {job.state}  {job.title}" for job in jobs[:_MOST_NAMED]]
    more = [f"    and {len(jobs) - _MOST_NAMED} more"] if len(jobs) > _MOST_NAMED else []
    return "\n".join(lines + more)
