"""A job that was warned of its end queues itself again, under its number: the workflow need not notice."""

from __future__ import annotations

import logging
import os

from ddpm.programs import ask

logger = logging.getLogger("ddpm")

_PATIENCE = 20.0


def own_job() -> str:
    """The number of the Slurm job that this process belongs to; "" outside Slurm."""
    return os.environ.get("SLURM_JOB_ID", "")


def requeue(rule: str) -> bool:
    """Has Slurm queue this process's job again, if it was only warned and the workflow submitted it.

    A job that Slurm still calls RUNNING was sent a signal before its time ends, or before it gives way to
    another. One that was cancelled, or that is queued again already, is COMPLETING; it is left alone.

    Args:
        rule: the rule that the job runs. Jobs that the workflow did not submit are their owner's business.

    Returns:
        Whether Slurm will start the job again.
    """
    number = own_job()
    if not number:
        return False
    state = ask("squeue", "--noheader", f"--jobs={number}", "--format=%T|%k", seconds=_PATIENCE)
    if state is None or not state.good or not state.text.startswith(f"RUNNING|rule_{rule}_"):
        return False
    answer = ask("scontrol", "requeue", number, seconds=_PATIENCE)
    if answer is None or not answer.good:
        said = "scontrol is not on this machine" if answer is None else answer.text
        logger.warning(f"Slurm does not queue job {number} again ({said}): the workflow submits it anew")
        return False
    return True
