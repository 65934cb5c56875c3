"""All checks, in the order in which they are told."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from ddpm.doctor import checkout, disk, dvc, environment, machine, resources, slurm, torch_works, unfinished
from ddpm.doctor.finding import Finding, guarded, ok
from ddpm.doctor.needs import Needs, study_needs
from ddpm.graph import layout
from ddpm.resources.registry import FOLDER


def examine(study_file: Path | None) -> Iterator[Finding]:
    """Makes every check; an error in one is a finding, and the others are made all the same.

    Args:
        study_file: whose needs are looked at too; None for none.
    """
    yield from guarded("Python", environment.python)
    yield from guarded("packages", lambda: environment.packages(environment.pins_file()))
    report = _report()
    yield from guarded("torch", lambda: torch_works.torch_works(report))
    yield from guarded("torchvision", lambda: torch_works.torchvision_agrees(report))
    found: list[Needs] = []
    if study_file is not None:
        yield from guarded("study", lambda: _study(study_file, found))
    needs = found[0] if found else None
    yield from guarded("GPU", lambda: torch_works.gpu_works(report, needs.hours if needs else None))
    yield from guarded("machine", machine.machine)
    yield from _disks(needs)
    cluster = None if needs is None else needs.gpu and not report.gpus
    yield from guarded("Slurm", lambda: slurm.slurm(cluster))
    yield from guarded("DVC", dvc.dvc)
    yield from guarded("resources", lambda: resources.resources(needs.fetched if needs else None))
    if needs is not None:
        yield from guarded("data", lambda: resources.own_files(needs.missing))
        yield from guarded("training", lambda: unfinished.runs(needs.study))
    yield from guarded("workflow", unfinished.workflow_lock)
    yield from guarded("git", checkout.checkout)


def _report() -> torch_works.Report:
    try:
        return torch_works.probe()
    except Exception as error:
        return torch_works.Report(end=f"{type(error).__name__}: {error}")


def _study(file: Path, found: list[Needs]) -> Iterable[Finding]:
    needs = study_needs(file)
    found.append(needs)
    yield ok("study", f"{file} can be read; {needs.jobs} jobs are left to run (more: ddpm check {file})")


def _disks(needs: Needs | None) -> Iterator[Finding]:
    results = Path(layout.home(needs.study.name)) if needs else Path("results")
    yield from guarded("disk", lambda: disk.disk(results, needs.bytes if needs else None))
    if not _same_disk(results, FOLDER):
        yield from guarded("disk", lambda: disk.disk(FOLDER, None))


def _same_disk(one: Path, other: Path) -> bool:
    return disk.existing(one).stat().st_dev == disk.existing(other).stat().st_dev
