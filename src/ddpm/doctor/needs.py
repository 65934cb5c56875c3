"""What a study needs of a machine, as its plan says."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ddpm.graph import available
from ddpm.plan.cost import Plan, speed_of_rate
from ddpm.plan.guard import ASSUMED_RATE, LIMIT_HOURS, network_hours
from ddpm.plan.jobs import study_jobs
from ddpm.study import Study, load_study


@dataclass(frozen=True)
class Needs:
    """What a study needs.

    Attributes:
        study: its settings.
        jobs: how many are left to run.
        bytes: what these write, in `results`.
        hours: that their networks take on a processor.
        fetched: the files under resources/ that the study needs, there or not.
        missing: why some of it cannot be built, in a line each.
    """

    study: Study
    jobs: int
    bytes: float
    hours: float
    fetched: tuple[str, ...]
    missing: tuple[str, ...]

    @property
    def gpu(self) -> bool:
        """Whether the workflow refuses to start without a GPU."""
        return self.hours > LIMIT_HOURS


def study_needs(file: Path) -> Needs:
    """What a study needs.

    Raises:
        StudyError: there is no such file, or it is wrong.
        DDPMError: Snakemake is not installed, or finds no plan.
    """
    study = load_study(file)
    jobs = study_jobs(study, [])
    plan = Plan(study, jobs, speed_of_rate(study, ASSUMED_RATE, "", []))
    fetched = sorted({output for job in jobs if job.rule == "fetch" for output in job.outputs})
    return Needs(
        study=study,
        jobs=len(plan.to_run),
        bytes=sum(plan.bytes_by_kind.values()) + plan.state_bytes,
        hours=network_hours(plan),
        fetched=tuple(fetched),
        missing=tuple(available.select(study).told),
    )
