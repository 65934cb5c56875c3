"""The jobs that the workflow runs for some targets, as Snakemake finds them."""

from __future__ import annotations

import concurrent.futures
import csv
import dataclasses
import difflib
import functools
import importlib.util
import re
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from ddpm.bundled import bundled
from ddpm.errors import DDPMError, StudyError
from ddpm.graph import layout
from ddpm.study import Study

REPOSITORY = Path(__file__).parents[3]


@dataclasses.dataclass(frozen=True, eq=False)
class Job:
    """One job.

    Attributes:
        rule: its rule's name.
        wildcards: values by name, such as "model" and "seed".
        inputs: files; of a job that is done, none.
        outputs: files.
        pending: whether it is left to run.
    """

    rule: str
    wildcards: Mapping[str, str]
    inputs: tuple[str, ...] = ()
    outputs: tuple[str, ...] = ()
    pending: bool = True

    def __getitem__(self, wildcard: str) -> str:
        return self.wildcards[wildcard]


def study_jobs(study: Study, targets: Sequence[str]) -> list[Job]:
    """All jobs that some targets of a study depend on. What is left to run is what Snakemake says.

    Args:
        study: the study.
        targets: tables and figures by name, `index`, or files; none for all of the study.

    Raises:
        StudyError: the study does not build such a target.
        DDPMError: Snakemake is not installed, or ends with an error.
    """
    words = [*target_files(study, targets), "--"]
    # Data sets need not be there to be planned for.
    calls = (["--config", "plan=true", kind, *words] for kind in ("--summary", "--dry-run"))
    with concurrent.futures.ThreadPoolExecutor() as pool:
        summary, dry_run = pool.map(functools.partial(_snakemake, study.file), calls)
    return summarised_jobs(summary, printed_inputs(dry_run))


def summarised_jobs(summary: str, inputs: Mapping[str, tuple[str, ...]]) -> list[Job]:
    """The jobs of `snakemake --summary`, each with the inputs that are known of its outputs."""
    outputs: dict[Any, list[str]] = {}
    for row in csv.DictReader(summary.splitlines(), delimiter="\t", quoting=csv.QUOTE_NONE):
        file, pending = row["output_file"], row["plan"] == "update pending"
        if pending and file not in inputs:
            raise DDPMError(f"Snakemake's dry run does not show the job that makes {file}")
        outputs.setdefault((row["rule"], pending, *layout.wildcards(file).items()), []).append(file)
    return [
        Job(rule, dict(pairs), inputs.get(files[0], ()), tuple(files), pending)
        for (rule, pending, *pairs), files in outputs.items()
    ]


def printed_inputs(dry_run: str) -> dict[str, tuple[str, ...]]:
    """The inputs of each job in the text of `snakemake --dry-run`, by each of its outputs."""
    found = {}
    for block in re.split(r"^(?=(?:local)?rule \w+:$)", dry_run, flags=re.MULTILINE)[1:]:
        named = dict(re.findall(r"^    (input|output): (.*)$", block, re.MULTILINE))
        # Flags of the rule stand behind a file: "resources/x (update)".
        inputs, outputs = (
            tuple(re.sub(r" \([a-z, ]+\)$", "", file) for file in named.get(role, "").split(", ") if file)
            for role in ("input", "output")
        )
        found.update(dict.fromkeys(outputs, inputs))
    return found


def target_files(study: Study, targets: Iterable[str]) -> list[str]:
    """The files of some targets: tables and figures by name, `report`, or paths; all of them for none.

    Raises:
        StudyError: the study has no such table or figure, or the path is not among its results.
    """
    home, chosen = layout.home(study.name), study.artefacts.chosen
    files = {name: [layout.TABLE.format(home=home, table=name)] for name in study.artefacts.tables}
    for name in study.artefacts.figures:
        files[name] = [
            pattern.format(home=home, figure=name) for pattern in (layout.FIGURE_PNG, layout.FIGURE_PDF)
        ]
    files["report"] = [layout.REPORT.format(home=home)]
    for target in targets:
        if target not in files and layout.wildcards(target).get("home") != home:
            close = difflib.get_close_matches(target, files, n=1)
            known = f"known: {', '.join(files)}, or a file under its results"
            hint = f"did you mean {close[0]!r}?" if close else known
            raise StudyError(
                f"{study.file}: --target {target}: this study builds no such table, figure or file ({hint})"
            )
    return [file for name in (list(targets) or [*chosen, "report"]) for file in files.get(name, [name])]


def _snakemake(study_file: str, words: Sequence[str]) -> str:
    """What Snakemake prints for some words on its command line."""
    if importlib.util.find_spec("snakemake") is None:
        raise DDPMError("a plan needs Snakemake, which knows the jobs: pip install -r envs/requirements.txt")
    places = (bundled("Snakefile"), REPOSITORY / "Snakefile")
    snakefile = next((place for place in places if place.exists()), None)
    if snakefile is None:
        raise DDPMError(
            "a plan needs the workflow: there is no Snakefile here; call it in the project's folder"
        )
    command = [sys.executable, "-m", "snakemake", "-s", str(snakefile), *words]
    run = subprocess.run(command, capture_output=True, text=True)
    if run.returncode:
        # The rest is where in the workflow it happened.
        told = (
            (run.stdout + run.stderr).rpartition("Building DAG of jobs...\n")[2].partition("\nTraceback")[0]
        )
        raise DDPMError(f"{study_file}: Snakemake finds no plan for it:\n{told.strip()}")
    return run.stdout
