"""The jobs that the workflow runs for some targets, found backwards from them through the rules."""

from __future__ import annotations

import dataclasses
import difflib
import functools
from collections.abc import Iterable, Sequence
from pathlib import Path

from ddpm.errors import StudyError
from ddpm.plan.rules import matching_rule
from ddpm.study import Study, layout


@dataclasses.dataclass(frozen=True)
class Job:
    """One job.

    Attributes:
        rule: its rule's name.
        wildcards: names and values, such as ("model", "epsilon_L_simple"), in the order of the path.
        inputs, outputs: files.
    """

    rule: str
    wildcards: tuple[tuple[str, str], ...]
    inputs: tuple[str, ...]
    outputs: tuple[str, ...]

    def __getitem__(self, wildcard: str) -> str:
        return dict(self.wildcards)[wildcard]

    def has(self, wildcard: str) -> bool:
        """Whether the rule has this wildcard."""
        return wildcard in dict(self.wildcards)


@dataclasses.dataclass(frozen=True)
class Jobs:
    """All jobs that some targets depend on: `all`, each after those that it depends on."""

    all: tuple[Job, ...]
    targets: tuple[str, ...]

    @functools.cached_property
    def makers(self) -> dict[str, Job]:
        """The job that makes each file."""
        return {output: job for job in self.all for output in job.outputs}

    def dependencies(self, job: Job) -> list[Job]:
        """The jobs that make the inputs of a job."""
        return list(dict.fromkeys(self.makers[file] for file in job.inputs if file in self.makers))

    @functools.cached_property
    def lacking(self) -> frozenset[Job]:
        """The jobs of which a file is missing that is asked for or that another job takes."""
        used = {*self.targets, *(file for job in self.all for file in job.inputs)}
        missing = {file for file in used & self.makers.keys() if not Path(file).exists()}
        return frozenset(self.makers[file] for file in missing)

    @functools.cached_property
    def to_run(self) -> list[Job]:
        """The jobs that are left: of the missing files, those that are asked for or needed on the way.

        As Snakemake: a missing file that only finished jobs used is not made again, and what depends on
        a file that is made anew is made anew too. What is out of date, only Snakemake knows.
        """
        wanted = {self.makers[file] for file in self.targets if file in self.makers}
        left = wanted & self.lacking
        size = -1
        while size != len(left):
            size = len(left)
            for job in self.all:
                if any(dependency in left for dependency in self.dependencies(job)):
                    left.add(job)
            for job in reversed(self.all):
                if job in left:
                    left.update(self.lacking.intersection(self.dependencies(job)))
        return [job for job in self.all if job in left]


def study_jobs(study: Study, targets: Sequence[str]) -> Jobs:
    """The jobs of a study for some files.

    Args:
        study: the study.
        targets: files, as `target_files` gives them.
    """
    found: dict[str, Job] = {}
    given: set[str] = set()
    ordered: dict[Job, None] = {}

    def visit(file: str) -> None:
        if file in found or file in given:
            return
        job = _maker(study, file)
        if job is None:
            given.add(file)
            return
        found.update((output, job) for output in job.outputs)
        for needed in job.inputs:
            visit(needed)
        ordered[job] = None

    for target in targets:
        visit(target)
    return Jobs(tuple(ordered), tuple(targets))


def _maker(study: Study, file: str) -> Job | None:
    match = matching_rule(study, file)
    if match is None:
        return None
    rule, wildcards = match
    inputs, outputs = rule.inputs(study, wildcards), rule.filled(study, wildcards)
    return Job(rule.name, tuple(wildcards.items()), tuple(inputs), outputs)


def target_files(study: Study, targets: Iterable[str]) -> list[str]:
    """The files of some targets: tables and figures by name, `index`, or paths; all of them for none.

    Raises:
        StudyError: the study does not build such a target.
    """
    home, chosen = layout.home(study.name), study.artefacts.chosen
    files = {name: [layout.TABLE.format(home=home, table=name)] for name in study.artefacts.tables}
    for name in study.artefacts.figures:
        files[name] = [
            pattern.format(home=home, figure=name) for pattern in (layout.FIGURE_PNG, layout.FIGURE_PDF)
        ]
    files["index"] = [layout.INDEX.format(home=home)]
    wanted = list(targets) or [*chosen, "index"]
    return [file for name in wanted for file in files.get(name) or [_checked_path(study, name, list(files))]]


def _checked_path(study: Study, target: str, names: list[str]) -> str:
    if "/" in target and matching_rule(study, target) is not None and _buildable(study, target):
        return target
    close = difflib.get_close_matches(target, names, n=1)
    hint = (
        f"did you mean {close[0]!r}?" if close else f"known: {', '.join(names)}, or a file under its results"
    )
    raise StudyError(
        f"{study.file}: --target {target}: this study builds no such table, figure or file ({hint})"
    )


def _buildable(study: Study, file: str) -> bool:
    """Whether the names in a path are the study's: models, data sets, artefacts."""
    try:
        study_jobs(study, [file])
    except (KeyError, ValueError):
        return False
    return True
