"""Which of the files that DVC stores are results of the present settings, and which are not."""

from __future__ import annotations

import dataclasses
import enum
from collections.abc import Iterable, Mapping, Set
from pathlib import Path

from ddpm.plan.jobs import Job, Jobs
from ddpm.study import Study
from ddpm.versions.expected import expected_settings
from ddpm.versions.lock import Lock
from ddpm.versions.recorded import recorded_inputs, recorded_settings
from ddpm.versions.records import made_here

# Their files carry no fingerprint of their own settings; they take seconds to make.
UNRECORDED = frozenset({"table", "index", "metrics"})
# Their fingerprints leave out the settings of what they are made from.
SHALLOW = UNRECORDED | {"figure"}


class Standing(enum.Enum):
    """What is known of a job's files.

    ABSENT: none is there. OWN: made or changed here, or made from such, or not to be told: Snakemake alone
    judges them. STALE: as stored, but of other settings or inputs than the present ones. FRESH: as stored, of
    the present settings, and so is all that they were made from, as far as it is there.
    """

    ABSENT = enum.auto()
    OWN = enum.auto()
    STALE = enum.auto()
    FRESH = enum.auto()


@dataclasses.dataclass(frozen=True)
class Stored:
    """What DVC stores of a study.

    Attributes:
        lock: dvc.lock.
        unchanged: files whose content is what the lock says.
        study: the study with the settings in the lock; None where they are not all of its settings.
        jobs: that study's jobs by output.
    """

    lock: Lock
    unchanged: Set[str]
    study: Study | None
    jobs: Mapping[str, Job]


def judge(study: Study, jobs: Jobs, stored: Stored) -> dict[Job, Standing]:
    """The standing of each job, those that it depends on first."""
    standings: dict[Job, Standing] = {}
    replaced: set[Job] = set()
    for job in jobs.all:
        before = jobs.dependencies(job)
        standings[job] = _standing(study, job, stored, not replaced.isdisjoint(before))
        if standings[job] is Standing.FRESH and not _rests_on_stored(job, jobs, standings, stored):
            standings[job] = Standing.OWN
        if standings[job] is Standing.ABSENT and (
            not replaced.isdisjoint(before) or _made_alike(study, job, stored) is False
        ):
            replaced.add(job)
    return standings


def existing(files: Iterable[str]) -> list[str]:
    """Those of the files that are there; a broken link is not."""
    return [file for file in files if Path(file).exists()]


def _standing(study: Study, job: Job, stored: Stored, from_replaced: bool) -> Standing:
    """The standing by a job's own files; `from_replaced`: made from absent files of other settings."""
    outputs = existing(job.outputs)
    if not outputs:
        return Standing.ABSENT
    if not stored.unchanged >= set(outputs):
        return Standing.OWN
    if _carries_other_settings(study, job, outputs):
        return Standing.STALE
    if all(map(made_here, outputs)):
        return Standing.FRESH  # made anew with the same content: Snakemake has a record of its settings
    if any(stored.lock.input_changed(file) for file in job.inputs):
        return Standing.STALE
    if job.rule in SHALLOW and from_replaced:
        return Standing.STALE
    if job.rule not in UNRECORDED:
        return Standing.FRESH
    alike = _made_alike(study, job, stored)
    if alike is None:
        return Standing.STALE if len(existing(job.inputs)) == len(job.inputs) else Standing.OWN
    return Standing.FRESH if alike else Standing.STALE


def _carries_other_settings(study: Study, job: Job, outputs: list[str]) -> bool:
    expected = expected_settings(study, job)
    if any(recorded_settings(output) not in (None, expected) for output in outputs):
        return True
    inputs = [found for output in outputs if (found := recorded_inputs(output)) is not None]
    return any(sorted(found) != sorted(job.inputs) for found in inputs)


def _made_alike(study: Study, job: Job, stored: Stored) -> bool | None:
    """Whether the locked settings make a job's files from the same inputs, alike; None if it is not known."""
    if stored.study is None:
        return None
    then = stored.jobs.get(job.outputs[0])
    if then is None or sorted(then.inputs) != sorted(job.inputs):
        return False
    return expected_settings(stored.study, then) == expected_settings(study, job)


def _rests_on_stored(job: Job, jobs: Jobs, standings: Mapping[Job, Standing], stored: Stored) -> bool:
    """Whether all inputs that are there are as stored; what is made from stale files is made after them."""
    if any(standings[used] in (Standing.OWN, Standing.STALE) for used in jobs.dependencies(job)):
        return False
    given = [file for file in existing(job.inputs) if file not in jobs.makers]
    return all(file in stored.unchanged or stored.lock.input_changed(file) is False for file in given)
