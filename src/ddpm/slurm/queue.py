"""This user's jobs in Slurm's queue that Snakemake submitted, as `squeue` tells of them."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from ddpm.errors import SlurmError
from ddpm.programs import Answer, ask

# A busy controller takes its time.
PATIENCE = 60.0
"""Seconds that one of Slurm's programs may take."""

# The folder comes last: it may hold any letter.
_FORM = "%i|%T|%r|%N|%M|%k|%Z"
# Snakemake writes rule and wildcards into the comment.
_COMMENT, _WILDCARDS = ("rule_", "group_"), "_wildcards"


@dataclass(frozen=True)
class QueuedJob:
    """A job that waits, runs, or is about to end.

    Attributes:
        number: Slurm's, also of several tasks of an array: "12", "13_4", "13_[5-9]".
        state: "PENDING", "RUNNING", "COMPLETING", ...
        reason: why it waits, in Slurm's word; "None" of one that runs.
        node: where it runs; "" while it waits.
        elapsed: for how long it has run, as "1-02:03:04".
        comment: rule and wildcards, as Snakemake's executor writes them.
    """

    number: str
    state: str
    reason: str
    node: str
    elapsed: str
    comment: str

    @property
    def title(self) -> str:
        """Rule and wildcards."""
        return self.comment.removeprefix("rule_").replace(_WILDCARDS, "", 1).replace("_", " ", 1)


def comment_of(rule: str, *values: str) -> str:
    """The comment that Snakemake's executor gives a job of a rule with these values of its wildcards."""
    joined = "_".join(values).replace("/", "_")
    return f"rule_{rule}{_WILDCARDS}_{joined}" if joined else f"rule_{rule}"


def jobs_of(folder: str | Path) -> list[QueuedJob]:
    """The jobs that a workflow in this folder submitted and that have not ended, in order of submission.

    Raises:
        SlurmError: there is no `squeue`, or it does not answer.
    """
    form = ("--noheader", f"--user={os.getuid()}", f"--format={_FORM}", "--sort=i")
    answer = ask("squeue", *form, seconds=PATIENCE)
    if answer is None or not answer.good:
        raise SlurmError(f"Slurm's queue cannot be read: {_said('squeue', answer)}")
    here, found = os.path.realpath(folder), []
    for line in answer.text.splitlines():
        *fields, place = line.split("|", _FORM.count("|"))
        if len(fields) == _FORM.count("|") and os.path.realpath(place) == here:
            job = QueuedJob(*fields)
            if job.comment.startswith(_COMMENT):
                found.append(job)
    return found


def _said(program: str, answer: Answer | None) -> str:
    return f"{program} is not on this machine" if answer is None else answer.text
