"""The words of `ddpm status`."""

from __future__ import annotations

from collections.abc import Sequence

from ddpm.slurm.queue import QueuedJob
from ddpm.status.jobs import Count
from ddpm.status.runs import RunStatus

_HEADINGS = ("model", "seed", "state", "step", "steps/s", "left", "where")


def status_text(runs: Sequence[RunStatus], counts: Sequence[Count], queue: Sequence[QueuedJob] | None) -> str:
    """All of it, in plain text.

    Args:
        runs: the training runs.
        counts: jobs by rule.
        queue: jobs in Slurm; None where there is no Slurm.
    """
    parts = [_table([_HEADINGS, *map(_row, runs)])] if runs else []
    if told := [f"  {run.model} seed {run.seed}: {run.history}" for run in runs if _is_open(run)]:
        parts.append("\n".join(["last entries of unfinished runs' histories:", *told]))
    if counts:
        parts.append("files made: " + ", ".join(map(_count, counts)))
    if queue is not None:
        parts.append(_queue_text(queue))
    return "\n\n".join(parts)


def _is_open(run: RunStatus) -> bool:
    return bool(run.history) and run.state in ("waiting", "running", "saved")


def _row(run: RunStatus) -> tuple[str, ...]:
    rate = "" if run.rate is None else f"{run.rate:.3g}"
    return (
        *(run.model, str(run.seed), run.state, f"{run.step:,}/{run.steps:,}"),
        *(rate, run.left, run.place),
    )


def _table(rows: Sequence[Sequence[str]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    used = [place for place, width in enumerate(widths) if any(row[place] for row in rows[1:])]
    return "\n".join("  ".join(row[place].ljust(widths[place]) for place in used).rstrip() for row in rows)


def _count(count: Count) -> str:
    return f"{count.rule} {count.done}/{'?' if count.total is None else count.total}"


def _queue_text(queue: Sequence[QueuedJob]) -> str:
    """The jobs of this folder in Slurm: each that runs, and how many wait for which reason."""
    if not queue:
        return "Slurm: no job of this folder"
    running = [job for job in queue if job.state != "PENDING"]
    reasons = [job.reason for job in queue if job.state == "PENDING"]
    waiting = [f"{reasons.count(reason)} wait ({reason})" for reason in dict.fromkeys(reasons)]
    lines = [f"  {job.number}  {job.title}  {job.node}  {job.elapsed}" for job in running]
    return "\n".join([f"Slurm: {', '.join([f'{len(running)} run', *waiting])}", *lines])
