"""The jobs that made a study's files: from Snakemake's records, its benchmarks and the files themselves."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.records.benchmarks import read_benchmark
from ddpm.records.snakemake_records import read_kept

# What a benchmark says of a job, with its unit in the vocabulary QUDT: Snakemake's "MB" are 2^20 bytes.
BENCHMARKED = {
    "s": ("wall time", "http://qudt.org/vocab/unit/SEC"),
    "cpu_time": ("processor time", "http://qudt.org/vocab/unit/SEC"),
    "max_rss": ("largest memory in use", "http://qudt.org/vocab/unit/MebiBYTE"),
}


@dataclasses.dataclass(frozen=True)
class Job:
    """One run of a verb.

    Attributes:
        name: the rule and what sets the job apart, as in its log's path: train/epsilon_L_simple.seed0.
        rule, verb, command: the workflow's rule, the `ddpm` verb, and the whole command.
        start, end: seconds since 1970.
        inputs: files, with their SHA-256 or "" where Snakemake noted none.
        outputs: files that are as the job wrote them.
        commits, hardware: what the outputs say of themselves; empty where they do not.
        usage: numbers of the job's benchmark, by its columns.
    """

    name: str
    rule: str
    verb: str
    command: str
    start: float
    end: float
    inputs: Mapping[str, str]
    outputs: Sequence[str]
    commits: Sequence[str]
    hardware: Sequence[str]
    usage: Mapping[str, float]


def read_jobs(home: str, hashes: Mapping[str, str]) -> tuple[list[Job], list[str]]:
    """The jobs in the order in which they began, and the files that are not as their job wrote them.

    Args:
        home: the folder of the study's results.
        hashes: SHA-256 of the files that are there, by path.

    Raises:
        DataError: there are no records, or a result is damaged.
    """
    records = read_kept(home)
    changed = [file for file, entry in records.items() if file in hashes and hashes[file] != entry["sha256"]]
    groups: dict[str, dict[str, dict[str, Any]]] = {}
    for file, entry in records.items():
        record = entry["record"]
        if file in hashes and file not in changed and not record["incomplete"]:
            key = f"{record['rule']} {record['shellcmd']} {record['log']}"
            groups.setdefault(key, {})[file] = record
    if not groups:
        target = "all" if home == layout.home("paper") else layout.study_of(home)
        raise DataError(
            f"{layout.RECORDS.format(home=home)}: is not there, or names no job whose files are there, "
            f"so nothing is known of how they were made; run `snakemake {target}`, which ends by writing it"
        )
    jobs = [_job(home, outputs, records.keys(), hashes.keys()) for outputs in groups.values()]
    return sorted(jobs, key=lambda job: (job.start, job.name)), changed


def _job(
    home: str, outputs: dict[str, dict[str, Any]], recorded: Collection[str], there: Collection[str]
) -> Job:
    record = next(iter(outputs.values()))
    command = str(record["shellcmd"] or record["rule"]).strip().removeprefix("exec ")
    words = command.split()
    name = _name(home, record, next(iter(outputs)))
    files = [*outputs, *_beside_receipt(list(outputs), recorded, there)]
    commits, hardware = _origin(files)
    end = max(part["endtime"] for part in outputs.values())
    return Job(
        name=name,
        rule=record["rule"],
        verb=words[1] if words[0] == "ddpm" and len(words) > 1 else record["rule"],
        command=command,
        start=record["starttime"] or end,
        end=end,
        inputs={
            file: record["input_checksums"].get(file, "").removeprefix("sha256:") for file in record["input"]
        },
        outputs=files,
        commits=commits,
        hardware=hardware,
        usage=_usage(Path(home, "benchmarks", f"{name}.tsv")),
    )


def _name(home: str, record: dict[str, Any], output: str) -> str:
    """As its log is called; a rule of one's own may have none."""
    logs = [Path(log) for log in record["log"] if Path(log).is_relative_to(f"{home}/logs")]
    if not logs:
        return f"{record['rule']}/{output}"
    return logs[0].relative_to(f"{home}/logs").with_suffix("").as_posix()


def _beside_receipt(outputs: list[str], recorded: Collection[str], there: Collection[str]) -> list[str]:
    """What a training job wrote beside its receipt: weights and curve, say, are no outputs of its rule."""
    folders = [str(Path(file).parent) for file in outputs if layout.match(file)[0] == layout.RECEIPT]
    return [
        file for file in there for folder in folders if file.startswith(f"{folder}/") and file not in recorded
    ]


def _origin(files: Sequence[str]) -> tuple[list[str], list[str]]:
    """Commits and hardware that measurements and arrays name."""
    from ddpm.evaluation.made_from import made_from

    about = made_from([file for file in files if Path(file).suffix in (".parquet", ".npz")])
    return list(about["commits"]), list(about["hardware"])


def _usage(path: Path) -> dict[str, float]:
    runs = read_benchmark(path) if path.exists() else []
    return {column: number for column, number in (runs[0] if runs else {}).items() if math.isfinite(number)}
