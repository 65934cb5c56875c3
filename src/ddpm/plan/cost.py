"""The cost of a study's jobs on one machine: hours by kind of work, the longest chain, and disk."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterable

from ddpm.plan import disk
from ddpm.plan.jobs import Job, Jobs
from ddpm.plan.speed import Speed
from ddpm.plan.work import job_work
from ddpm.study import Study

# Kind of work of each rule, in the order of a report; the rest is small.
KINDS = {
    "train": "training",
    "checkpoint": "checkpoint selection",
    "sample": "sampling",
    "chain": "sampling",
    "bound": "likelihood",
    "likelihood": "likelihood",
    "features": "evaluation",
    "reference": "evaluation",
    "quality": "evaluation",
    "progressive": "evaluation",
    "neighbours": "evaluation",
}
REST = "data, tables, figures"


@dataclasses.dataclass(frozen=True)
class Chain:
    """Jobs that wait for one another, from the first to the last, and their time in seconds."""

    jobs: tuple[Job, ...]
    seconds: float


@dataclasses.dataclass(frozen=True)
class Plan:
    """The jobs of a study for some targets, on one machine.

    Attributes:
        study: the study.
        jobs: all jobs of the targets.
        to_run: those that are left, each after those that it depends on.
        speed: of the machine.
    """

    study: Study
    jobs: Jobs
    to_run: tuple[Job, ...]
    speed: Speed

    def job_seconds(self, job: Job) -> float:
        """Time of one job."""
        return self._seconds[job]

    def seconds(self, jobs: Iterable[Job]) -> float:
        """Time of some jobs, one after another."""
        return sum(self._seconds[job] for job in jobs)

    @property
    def total_seconds(self) -> float:
        """Time of all jobs that are left, one after another."""
        return self.seconds(self.to_run)

    @functools.cached_property
    def seconds_by_kind(self) -> dict[str, float]:
        """Time of the jobs that are left, by kind of work; kinds without jobs are left out."""
        sums: defaultdict[str, float] = defaultdict(float)
        for job in self.to_run:
            sums[KINDS.get(job.rule, REST)] += self._seconds[job]
        return {kind: sums[kind] for kind in dict.fromkeys([*KINDS.values(), REST]) if kind in sums}

    @functools.cached_property
    def longest_chain(self) -> Chain:
        """What takes longest however many machines there are."""
        best: dict[Job, Chain] = {}
        for job in self.to_run:
            before = [best[needed] for needed in self.jobs.dependencies(job) if needed in best]
            longest = max(before, key=lambda chain: chain.seconds, default=Chain((), 0.0))
            best[job] = Chain((*longest.jobs, job), longest.seconds + self._seconds[job])
        return max(best.values(), key=lambda chain: chain.seconds, default=Chain((), 0.0))

    @functools.cached_property
    def bytes_by_kind(self) -> dict[str, int]:
        """Disk that the jobs that are left will fill and keep, by kind of file."""
        sums: defaultdict[str, int] = defaultdict(int)
        for job in self.to_run:
            sums[disk.KINDS.get(job.rule, disk.REST)] += disk.job_bytes(self.study, job)
        return {kind: sums[kind] for kind in dict.fromkeys([*disk.KINDS.values(), disk.REST]) if kind in sums}

    @functools.cached_property
    def state_bytes(self) -> int:
        """Disk that the largest training run needs while it trains, besides; 0 if nothing is trained."""
        models = {job["model"] for job in self.to_run if job.rule == "train"}
        return max((disk.state_bytes(self.study, model) for model in models), default=0)

    @functools.cached_property
    def _seconds(self) -> dict[Job, float]:
        return {job: self.speed.seconds(job_work(self.study, job)) for job in self.jobs.all}


def used_models(jobs: Iterable[Job], study: Study) -> list[str]:
    """The models whose networks some jobs train or evaluate."""
    works = [job_work(study, job).model for job in jobs]
    return list(dict.fromkeys(model for model in works if model is not None))
