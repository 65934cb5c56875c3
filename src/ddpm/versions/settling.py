"""At the start of a workflow: puts the times of files that DVC stored in order, or marks them out of date.

Files that agree with dvc.lock and with the present settings get one common time: none is newer than what was
made from it. Files of other settings become older than everything, so that they are made again. Files that
were made or changed here are left alone.
"""

from __future__ import annotations

import dataclasses
import functools
import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ddpm.errors import DDPMError
from ddpm.files import output_error
from ddpm.plan.jobs import Job, Jobs
from ddpm.study import Study, layout
from ddpm.study.dependencies import PUBLISHED
from ddpm.versions.graph import locked_study, study_graph
from ddpm.versions.judging import Standing, Stored, existing, judge
from ddpm.versions.lock import LOCK, Lock
from ddpm.versions.memory import Stamps, remember, remembered, stamps
from ddpm.versions.records import forget, made_here, mark_unfinished, unmark_unfinished
from ddpm.versions.unchanged import unchanged_files

CONFIG = Path("config")
# 1970-01-02: older than anything that a job reads, and no time that a file system may refuse.
LONG_AGO = 86400 * 10**9
_NOTHING: dict[str, Stamps] = {"sources": {}, "results": {}}


@dataclasses.dataclass(frozen=True)
class Settled:
    """What was done.

    Attributes:
        ordered: files whose times were changed because some were out of order.
        outdated: files of other settings, which the next run makes again.
    """

    ordered: tuple[str, ...] = ()
    outdated: tuple[str, ...] = ()


def settle(load: Callable[[str], Study]) -> Settled:
    """Settles all studies that dvc.lock names; does nothing where there is no dvc.lock.

    Args:
        load: gives a study by its name.

    Raises:
        VersionsError: dvc.lock or DVC's answer cannot be read.
        OutputError: times or the memory cannot be written.
    """
    if not LOCK.exists():
        return Settled()
    before, sources = remembered(), stamps(_sources())
    if before and all(_is_unaltered(known, sources) for known in before.values()):
        return Settled()
    lock, done = Lock(), []
    after: dict[str, dict[str, Stamps]] = {}
    unchanged = functools.cache(unchanged_files)
    for name in lock.studies:
        try:
            study = load(name)
        except DDPMError:
            continue  # it is reported where the study is asked for
        jobs, found = study_graph(study), Settled()
        if _needs_judgement(jobs, before.get(name, {}), sources):
            found = _settle_study(
                jobs, _benchmarks(study), judge(study, jobs, _stored(study, lock, unchanged()))
            )
            done.append(found)
        # What is out of date is looked at again at each start until it is made anew.
        after[name] = _NOTHING if found.outdated else {"sources": sources, "results": stamps(_files(jobs))}
    remember(after)
    return Settled(
        tuple(file for found in done for file in found.ordered),
        tuple(file for found in done for file in found.outdated),
    )


def _sources() -> list[str]:
    return [str(LOCK), PUBLISHED, *sorted(map(str, CONFIG.glob("*.yaml")))]


def _is_unaltered(known: Mapping[str, Stamps], sources: Stamps) -> bool:
    return known["sources"] == sources and stamps(known["results"]) == known["results"]


def _files(jobs: Jobs) -> list[str]:
    return list(dict.fromkeys(file for job in jobs.all for file in (*job.outputs, *job.inputs)))


def _needs_judgement(jobs: Jobs, known: Mapping[str, Stamps], sources: Stamps) -> bool:
    """Whether times are out of order, or files or settings are new that Snakemake has no records of."""
    placed = [file for job in jobs.all for file in existing(job.outputs) if not made_here(file)]
    if placed and known.get("sources") != sources:
        return True
    results = known.get("results", {})
    if any(results.get(file) != stamp for file, stamp in stamps(placed).items()):
        return True
    return not _in_order(jobs.all)


def _in_order(jobs: Iterable[Job]) -> bool:
    """Whether no input is newer than the oldest output of a job that takes it, as Snakemake asks."""
    for job in jobs:
        made = [stamp[0] for stamp in stamps(job.outputs).values() if stamp]
        taken = [stamp[1] for stamp in stamps(job.inputs).values() if stamp]
        if made and taken and max(taken) > min(made):
            return False
    return True


def _stored(study: Study, lock: Lock, unchanged: frozenset[str]) -> Stored:
    settings = lock.settings(study.file, str(layout.path(layout.INDEX, study.name)))
    then = locked_study(study.file, settings) if settings else None
    made = study_graph(then).makers if then else {}
    return Stored(lock, unchanged, then, made)


def _settle_study(jobs: Jobs, benchmarks: Path, standings: Mapping[Job, Standing]) -> Settled:
    fresh = [job for job in jobs.all if standings[job] is Standing.FRESH]
    stale = [job for job in jobs.all if standings[job] is Standing.STALE]
    placed = [file for job in fresh for file in existing(job.outputs) if not made_here(file)]
    for file in placed:
        forget(file)
        unmark_unfinished(file)
    ordered = _set_common_time(fresh, benchmarks) if placed or not _in_order(fresh) else []
    outdated = [file for job in stale for file in existing(job.outputs)]
    for file in outdated:
        _set_time(file, LONG_AGO)
    for job in stale:
        if not existing(job.inputs):  # only an input that is there can be newer
            mark_unfinished(existing(job.outputs)[0])
    return Settled(tuple(ordered), tuple(outdated))


def _benchmarks(study: Study) -> Path:
    return Path(layout.home(study.name), "benchmarks")


def _set_common_time(jobs: list[Job], benchmarks: Path) -> list[str]:
    """Gives all files of these jobs the time of the newest among them and what they were made from.

    Snakemake takes a benchmark for one of its job's outputs: those left from before must not be older.

    Returns:
        the jobs' files whose times were changed.
    """
    newest = max(stamp[1] for job in jobs for stamp in stamps((*job.outputs, *job.inputs)).values() if stamp)
    files = [file for job in jobs for file in existing(job.outputs)]
    older = [file for file, stamp in stamps(files).items() if stamp[0] != newest]
    old_benchmarks = stamps(str(path) for path in benchmarks.rglob("*.tsv"))
    for file in [*older, *(file for file, stamp in old_benchmarks.items() if stamp and stamp[0] < newest)]:
        _set_time(file, newest)
    return older


def _set_time(file: str, nanoseconds: int) -> None:
    """Sets the time of a file, or of the link that stands for it: a link's target is DVC's."""
    try:
        os.utime(file, ns=(nanoseconds, nanoseconds), follow_symlinks=False)
    except OSError as error:
        raise output_error(Path(file), error) from error
