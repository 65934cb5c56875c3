"""What jobs cost, by the benchmark files that Snakemake writes of those that compute."""

from __future__ import annotations

import csv
import dataclasses
import math
from pathlib import Path

from ddpm.graph import layout


@dataclasses.dataclass(frozen=True)
class Cost:
    """What the last runs of a rule's jobs cost, together.

    Attributes:
        rule: the rule.
        jobs: how many.
        seconds: of wall time, one job after another.
        cpu_seconds: of processor time; NaN where it was not measured.
        memory: the most of any job, MB; NaN where it was not measured.
    """

    rule: str
    jobs: int
    seconds: float
    cpu_seconds: float
    memory: float


def costs(study: str) -> list[Cost]:
    """The costs of a study by rule, the dearest first; of jobs without readable benchmarks none."""
    home = Path(layout.home(study), "benchmarks")
    found: dict[str, list[dict[str, float]]] = {}
    for path in sorted(home.rglob("*.tsv")):
        rule = path.relative_to(home).parts[0].removesuffix(".tsv")
        found.setdefault(rule, []).extend(read_benchmark(path))
    rules = [
        Cost(rule, len(rows), _sum(rows, "s"), _sum(rows, "cpu_time"), max(row["max_rss"] for row in rows))
        for rule, rows in found.items()
        if rows
    ]
    return sorted(rules, key=lambda cost: -cost.seconds)


def read_benchmark(path: Path) -> list[dict[str, float]]:
    """The runs in a benchmark file: s and cpu_time [seconds], max_rss [MB]; NaN for what was not measured."""
    with path.open(newline="") as file:
        rows = [
            {key: _number(row.get(key)) for key in ("s", "cpu_time", "max_rss")}
            for row in csv.DictReader(file, delimiter="\t")
        ]
    return [row for row in rows if math.isfinite(row["s"])]


def _sum(rows: list[dict[str, float]], key: str) -> float:
    return math.fsum(row[key] for row in rows)


def _number(word: str | None) -> float:
    try:
        return float(word or "")
    except ValueError:
        return math.nan
