"""The jobs of a run, as Snakemake's log tells of them, and the time that is left."""

from __future__ import annotations

import dataclasses
import logging
import time
from collections.abc import Mapping, Sequence

# Wildcards whose values speak for themselves.
_BARE = frozenset({"model", "dataset", "figure", "table", "split", "variance", "file"})
# Until this share of the planned work is done, no time left is told.
_ENOUGH = 0.03


@dataclasses.dataclass
class Job:
    """One job.

    Attributes:
        rule: its rule's name.
        title: rule and wildcards.
        logs: its log files.
        makes_files: whether it has outputs; a target has none.
        local: whether it runs on this machine.
        begun, ended: by a clock that only grows, in seconds; `ended` None while it runs.
        message: why it failed, where Snakemake's executor knows.
    """

    rule: str
    title: str
    logs: list[str]
    makes_files: bool
    local: bool
    begun: float
    ended: float | None = None
    message: str = ""

    @classmethod
    def of(cls, record: logging.LogRecord) -> Job:
        """The job of a JOB_INFO record."""
        about = record.__dict__
        values = dict(about.get("wildcards") or {})
        names = [
            str(value) if name in _BARE else f"{name} {value}"
            for name, value in values.items()
            if name != "home"
        ]
        # The name of a table or figure says that it is one.
        rule = [] if about["rule_name"] in ("table", "figure") and names else [about["rule_name"]]
        title = " ".join([*rule, *names])
        logs, outputs = list(about.get("log") or []), bool(about.get("output"))
        return cls(about["rule_name"], title, logs, outputs, bool(about.get("local", True)), time.monotonic())

    def seconds(self) -> float:
        """How long it ran, or has run until now."""
        return (time.monotonic() if self.ended is None else self.ended) - self.begun


def seconds_left(
    jobs: Mapping[int, Job], planned: Mapping[int, float], rules: Mapping[int, str]
) -> float | None:
    """The time that a run will still take; None where that is not known yet, or jobs wait in a queue.

    A job takes as many times its planned seconds as the finished jobs of its rule took on the mean, or all
    finished jobs where its rule has none; as many jobs run side by side as did so far.

    Args:
        jobs: those that have begun, by id.
        planned: seconds of all jobs of the run on an assumed machine, by id.
        rules: the names of their rules, by id.
    """
    finished = [(job, planned[number]) for number, job in jobs.items() if job.ended and planned.get(number)]
    if sum(seconds for _, seconds in finished) < _ENOUGH * sum(planned.values()) or not finished:
        return None
    if not all(job.local for job in jobs.values()):
        return None
    overall, left = _slowness(finished), 0.0
    for number, seconds in planned.items():
        rule, job = rules[number], jobs.get(number)
        same = [pair for pair in finished if pair[0].rule == rule]
        expected = seconds * (_slowness(same) if same else overall)
        if job is None:
            left += expected
        elif job.ended is None:
            left += max(0.0, expected - job.seconds())
    busy = sum(job.seconds() for job in jobs.values())
    elapsed = time.monotonic() - min(job.begun for job in jobs.values())
    return left / max(1.0, busy / elapsed)


def _slowness(finished: Sequence[tuple[Job, float]]) -> float:
    """Seconds that jobs took for each that was planned."""
    return sum(job.seconds() for job, _ in finished) / sum(seconds for _, seconds in finished)
