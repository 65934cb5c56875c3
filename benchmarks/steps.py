"""Times this project's training, sampling and likelihood steps beside other packages'.

    python benchmarks/steps.py                              the paper's network, batch 16, every side
    python benchmarks/steps.py --batch 1 16 64 --rounds 9
    python benchmarks/steps.py --network tiny --batch 4     tries the harness in seconds

Each side in turn within a round, each round beginning with another (timing/clock.py). Results are appended
to benchmarks/results/steps.jsonl and shown in steps.md.
"""

from __future__ import annotations

import argparse
import logging
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from timing.adapters import ADAPTERS, ON_CPU, ON_GPU
from timing.comparison import compared
from timing.machine import conditions, load
from timing.matmul import matmul_peak
from timing.networks import NETWORKS
from timing.record import append
from timing.report import section
from timing.setting import STEPS, chosen

RESULTS = Path(__file__).parent / "results" / "steps"
TITLE = "Steps beside other packages'"
logger = logging.getLogger("ddpm")


def main(words: Sequence[str] | None = None) -> int:
    """Measures, appends the record, prints its tables; returns the exit status."""
    options = _parsed(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    names = options.adapters or (ON_GPU if device == "cuda" else ON_CPU)
    adapters, left_out = chosen(ADAPTERS, names)
    for name, reason in left_out.items():
        logger.warning("left out: %s: %s", name, reason)
    if not adapters:
        logger.error("no side can be measured here")
        return 1
    record = conditions(device) | {
        "device": device,
        "network": options.network,
        "rounds": options.rounds,
        "left_out": left_out,
    }
    precisions = sorted({adapter.precision for adapter in adapters.values()})
    record["matmul"] = {precision: matmul_peak(precision, device) for precision in precisions}
    record["steps"] = [
        compared(adapters, step, options.network, batch, options.rounds, device, options.peaks)
        for batch in options.batch
        for step in options.steps
    ]
    record["load_after"] = load()
    append(record, options.results, section, TITLE)
    print(section(record))
    return 0


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="paper")
    parser.add_argument("--batch", type=int, nargs="+", default=[16], help="images of a step")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is timed")
    parser.add_argument("--adapters", nargs="+", choices=ADAPTERS, help="default: all that make sense here")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-peaks", dest="peaks", action="store_false", help="do not measure memory")
    parser.add_argument("--results", type=Path, default=RESULTS, help="path of the results, without suffix")
    options = parser.parse_args(words)
    for name in ("rounds", "threads"):
        if getattr(options, name) < 1:
            parser.error(f"--{name} {getattr(options, name)}: must be at least 1")
    if min(options.batch) < 1:
        parser.error(f"--batch {min(options.batch)}: must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
