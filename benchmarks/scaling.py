"""Time and memory of this project's steps against batch size, image size and number of processes.

    python benchmarks/scaling.py                                  the paper's network
    python benchmarks/scaling.py --network tiny --batches 2 4     tries the harness in a minute

Each size in a process of its own, of one thread. Results are appended to benchmarks/results/scaling.jsonl and
shown in scaling.md; the latest is drawn in scaling.png.
"""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from timing.exponents import exponent
from timing.machine import conditions, load
from timing.networks import NETWORKS
from timing.one_size import in_processes
from timing.ratios import spread
from timing.record import append
from timing.scaling_figure import draw
from timing.tables import conditions_text, mib, seconds_text, table

RESULTS = Path(__file__).parent / "results" / "scaling"
TITLE = "Cost against size"
STEPS = ("training", "sampling")
# What is varied, in words, and the name of that number in a row.
SERIES = {"batch": "batch size", "size": "height of images", "processes": "processes"}
logger = logging.getLogger("ddpm")


def main(words: Sequence[str] | None = None) -> int:
    """Measures, appends the record, draws it, prints its tables; returns the exit status."""
    options = _parsed(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(1)
    network = {"network": options.network, "precision": options.precision, "rounds": options.rounds}
    record = conditions("cpu") | network
    record["rows"] = [_row(series, step, numbers, options) for series, step, numbers in _plan(options)]
    record["load_after"] = load()
    append(record, options.results, section, TITLE)
    draw(record, SERIES, options.results.with_suffix(".png"))
    print(section(record))
    return 0


def _plan(options: argparse.Namespace) -> list[tuple[str, str, dict[str, int]]]:
    """What is varied, the step, and the numbers of each measurement."""
    size = NETWORKS[options.network].image_shape[1]
    plan = []
    for step in STEPS:
        same = {"size": size, "batch": options.batch, "processes": 1}
        plan += [("batch", step, same | {"batch": batch}) for batch in options.batches]
        plan += [("size", step, same | {"size": height}) for height in options.sizes]
    largest = {"size": size, "batch": max(options.batches)}
    plan += [("processes", "training", largest | {"processes": count}) for count in options.processes]
    return plan


def _row(series: str, step: str, numbers: Mapping[str, int], options: argparse.Namespace) -> dict[str, Any]:
    logger.info("%s, %s", step, ", ".join(f"{SERIES[name]} {number}" for name, number in numbers.items()))
    size, batch, count = numbers["size"], numbers["batch"], numbers["processes"]
    precision, rounds = options.precision, options.rounds
    found = in_processes(step, options.network, size, batch, precision, rounds, count, threads=1)
    return {"series": series, "step": step, **numbers, **found}


def section(record: Mapping[str, Any]) -> str:
    """A record as Markdown."""
    lines = [
        f"## {record['date']}, {record['network']} network, {record['precision']}\n",
        conditions_text(dict(record)) + "\n",
        f"Medians of {record['rounds']} rounds, each size in a process of its own; with several processes "
        "the batch is shared and time and memory are the first one's. The exponent b is that of time or "
        "memory = a x^b, fitted to logarithms; of CPU time, and for processes of time on the clock.\n",
    ]
    for series, words in SERIES.items():
        for step in STEPS:
            rows = [row for row in record["rows"] if (row["series"], row["step"]) == (series, step)]
            if rows:
                lines += [f"### {step} against {words}\n", _series_table(series, words, rows)]
    return "\n".join(lines)


def _series_table(series: str, words: str, rows: Sequence[Mapping[str, Any]]) -> str:
    lines = [
        [
            str(row[series]),
            seconds_text(spread(row["wall"]).median),
            seconds_text(spread(row["cpu"]).median),
            seconds_text(spread(row["cpu"]).median / row["batch"]),
            mib(row["peak"]),
        ]
        for row in rows
    ]
    made = table((words, "time of a step", "CPU time", "CPU time an image", "peak MiB"), lines)
    if len({row[series] for row in rows}) < 2:
        return made
    kind = "wall" if series == "processes" else "cpu"
    time, memory = exponents(series, rows, kind)
    return f"{made}\nb = {time:.2f} of time, {memory:.2f} of memory.\n"


def exponents(series: str, rows: Sequence[Mapping[str, Any]], kind: str) -> tuple[float, float]:
    """Of time ("wall" or "cpu") and of peak memory in what is varied."""
    sizes = [row[series] for row in rows]
    times = [spread(row[kind]).median for row in rows]
    return exponent(sizes, times), exponent(sizes, [row["peak"] for row in rows])


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="paper")
    parser.add_argument("--precision", choices=("float32", "bfloat16"), default="float32")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 2, 4, 8, 16])
    parser.add_argument("--sizes", type=int, nargs="+", default=[16, 32, 64], help="heights of images")
    parser.add_argument("--batch", type=int, default=4, help="with which image sizes are compared")
    parser.add_argument("--processes", type=int, nargs="+", default=[1, 2])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--results", type=Path, default=RESULTS, help="path of the results, without suffix")
    options = parser.parse_args(words)
    for count in options.processes:
        if count < 1 or max(options.batches) % count:
            parser.error(f"--processes {count}: must divide the largest batch, {max(options.batches)}")
    if min(options.batches + options.sizes + [options.batch, options.rounds]) < 1:
        parser.error("--batches, --sizes, --batch, --rounds: must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
