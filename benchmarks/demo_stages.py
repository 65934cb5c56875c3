"""Time of the whole demo by stage, and what Snakemake costs beside it.

    python benchmarks/demo_stages.py                 runs the demo in a temporary folder
    python benchmarks/demo_stages.py --folder .      reads the results there; runs no job

Results are appended to benchmarks/results/demo_stages.jsonl and shown in demo_stages.md.
"""

from __future__ import annotations

import argparse
import dataclasses
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from timing.jobs import Stage, read_jobs
from timing.machine import conditions, load
from timing.overhead import new_folder, overheads, snakemake
from timing.record import append
from timing.tables import conditions_text, table

RESULTS = Path(__file__).parent / "results" / "demo_stages"
TITLE = "The demo by stage"
_HEADER = ("stage", "jobs", "seconds of all", "of the longest", "CPU seconds")


def main(words: Sequence[str] | None = None) -> int:
    """Runs or reads, appends the record, prints its tables; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--folder", type=Path, help="where Snakemake ran before")
    parser.add_argument("--study", default="demo", help="its results lie in results/STUDY")
    parser.add_argument("--cores", type=int, default=2, help="jobs that run at once")
    parser.add_argument("--results", type=Path, default=RESULTS, help="path of the results, without suffix")
    options = parser.parse_args(words)
    home = f"results/{options.study}"
    run = ["demo" if options.study == "demo" else f"{home}/index.html", "--cores", str(options.cores)]
    record = conditions("cpu") | {"study": options.study, "cores": options.cores}
    with tempfile.TemporaryDirectory(prefix="demo-stages-") as temporary:
        folder = options.folder
        if folder is None:
            folder = Path(temporary, "demo")
            new_folder(folder)
            record["wall_seconds"] = snakemake(folder, run)
        try:
            jobs = read_jobs(folder, home)
        except ValueError as error:
            parser.error(str(error))
        record |= {"span": jobs.span, "stages": [dataclasses.asdict(stage) for stage in jobs.stages]}
        record["overheads"] = overheads(folder.resolve(), run, complete=options.folder is None)
    record["load_after"] = load()
    append(record, options.results, section, TITLE)
    print(section(record))
    return 0


def section(record: Mapping[str, Any]) -> str:
    """A record as Markdown."""
    stages = [Stage(**stage) for stage in record["stages"]]
    work = sum(stage.seconds for stage in stages)
    rows = [_row(stage) for stage in stages]
    rows.append(["all", str(sum(stage.jobs for stage in stages)), f"{work:.1f}", "", ""])
    whole = record.get("wall_seconds")
    earlier = "Read from an earlier run: commit, threads and load are those of the reading. "
    ran = earlier if whole is None else f"The run took {whole:.0f} s. "
    overhead = [[name, f"{seconds:.2f}"] for name, seconds in record["overheads"].items()]
    return "\n".join(
        [
            f"## {record['date']}, {record['study']}, {record['cores']} jobs at once\n",
            conditions_text(dict(record)) + "\n",
            f"{ran}From the first job's start to the last one's end {record['span']:.0f} s; jobs of a "
            "stage may have run beside others. CPU seconds of the stages that have benchmark files.\n",
            table(_HEADER, rows),
            table(("without work", "seconds"), overhead),
        ]
    )


def _row(stage: Stage) -> list[str]:
    cpu = "" if stage.cpu_seconds is None else f"{stage.cpu_seconds:.1f}"
    return [stage.rule, str(stage.jobs), f"{stage.seconds:.1f}", f"{stage.longest:.1f}", cpu]


if __name__ == "__main__":
    sys.exit(main())
