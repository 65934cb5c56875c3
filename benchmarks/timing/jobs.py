"""Time of a workflow's jobs, from what Snakemake noted of them and from its benchmark files."""

from __future__ import annotations

import base64
import dataclasses
import json
import math
from pathlib import Path

_METADATA = Path(".snakemake", "metadata")


@dataclasses.dataclass(frozen=True)
class Stage:
    """The jobs of one rule.

    Attributes:
        rule: its name.
        jobs: how many.
        seconds: of all of them, on the clock.
        longest: of one job.
        cpu_seconds: of those jobs that have a benchmark file; None if none has.
    """

    rule: str
    jobs: int
    seconds: float
    longest: float
    cpu_seconds: float | None


@dataclasses.dataclass(frozen=True)
class Jobs:
    """Stages in the order in which they began, and seconds from the first job's start to the last's end."""

    stages: list[Stage]
    span: float


def read_jobs(folder: Path, home: str) -> Jobs:
    """The jobs that made the results of a study.

    Args:
        folder: where Snakemake ran.
        home: of the study's results, relative to it, for example "results/demo".

    Raises:
        ValueError: Snakemake noted nothing of results there.
    """
    times: dict[str, dict[int, tuple[float, float]]] = {}
    for path in (folder / _METADATA).rglob("*"):
        output = _output(path)
        if path.is_dir() or output is None or not output.startswith(f"{home}/"):
            continue
        noted = json.loads(path.read_text())
        if noted.get("incomplete") or noted.get("endtime") is None:
            continue
        # Every output of a job is noted apart, its end a little later than that of the one before.
        jobs = times.setdefault(noted["rule"], {})
        start, end = jobs.get(noted["job_hash"], (math.inf, -math.inf))
        jobs[noted["job_hash"]] = (min(start, noted["starttime"]), max(end, noted["endtime"]))
    if not times:
        raise ValueError(
            f"{folder / _METADATA}: holds nothing of {home}; run the study there, or leave out --folder"
        )
    stages = [_stage(folder / home, rule, list(jobs.values())) for rule, jobs in times.items()]
    stages.sort(key=lambda stage: min(start for start, _ in times[stage.rule].values()))
    every = [time for jobs in times.values() for time in jobs.values()]
    return Jobs(stages, max(end for _, end in every) - min(start for start, _ in every))


def _output(path: Path) -> str | None:
    """The output that a file of metadata is about: its name is the output's in base64."""
    try:
        return base64.b64decode(path.name, altchars=b"_-", validate=True).decode()
    except ValueError:
        return None


def _stage(home: Path, rule: str, jobs: list[tuple[float, float]]) -> Stage:
    lengths = [end - start for start, end in jobs]
    return Stage(rule, len(jobs), sum(lengths), max(lengths), _cpu_seconds(home, rule))


def _cpu_seconds(home: Path, rule: str) -> float | None:
    """The sum over a rule's benchmark files, or None."""
    files = [*(home / "benchmarks" / rule).rglob("*.tsv"), *(home / "benchmarks").glob(f"{rule}.tsv")]
    if not files:
        return None
    total = 0.0
    for file in files:
        header, *rows = [line.split("\t") for line in file.read_text().splitlines()]
        column = header.index("cpu_time")
        # Snakemake writes NA for a job that ended before it was looked at.
        total += sum(float(row[column]) for row in rows if row[column] not in ("NA", "-"))
    return total
