"""Times this project's training, sampling and likelihood steps beside those of diffusers.

    python benchmarks/steps.py                              the paper's network, batch 16, every side
    python benchmarks/steps.py --batch 1 16 64 --rounds 9
    python benchmarks/steps.py --network tiny --batch 4     tries the harness in seconds

Each side in turn within a round, each round beginning with another (timing/clock.py). Results are added
to benchmarks/results/steps.jsonl and, the latest first, to steps.md.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from timing.clock import matmul_peak
from timing.comparison import compared, peaks
from timing.report import conditions, load, section
from timing.setting import NETWORKS, STEPS
from timing.sides import ON_CPU, ON_GPU, SIDES, chosen

from ddpm.records.files import write_text

RESULTS = Path(__file__).parent / "results" / "steps.jsonl"
TITLE = "# Steps beside other packages'\n"
logger = logging.getLogger("ddpm")


def main(words: Sequence[str] | None = None) -> int:
    """Measures, appends the record, prints its tables; returns the exit status."""
    options = _parsed(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    torch.set_num_threads(options.threads)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    sides, left_out = chosen(options.sides or (ON_GPU if device == "cuda" else ON_CPU))
    for name, reason in left_out.items():
        logger.warning("left out: %s: %s", name, reason)
    if not sides:
        logger.error("no side can be measured here")
        return 1
    record = conditions(device) | {
        "device": device,
        "network": options.network,
        "rounds": options.rounds,
        "left_out": left_out,
    }
    precisions = sorted({side.precision for side in sides.values()})
    tiny = options.network == "tiny"
    record["matmul"] = {precision: matmul_peak(precision, device, tiny) for precision in precisions}
    record["steps"] = []
    for batch in options.batch:
        for step in options.steps:
            measured = compared(sides, step, options.network, batch, options.rounds, device)
            measured["peaks"] = peaks(sides, step, options.network, batch, device) if options.peaks else {}
            record["steps"].append(measured)
    record["load_after"] = load()
    page = section(record)
    _add(options.results, lambda text: text + json.dumps(record) + "\n")
    _add(options.results.with_suffix(".md"), lambda text: f"{TITLE}\n{page}{text.removeprefix(TITLE)}")
    print(page)
    return 0


def _add(path: Path, changed: Callable[[str], str]) -> None:
    write_text(path, changed(path.read_text(encoding="utf-8") if path.exists() else ""))


def _parsed(words: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--network", choices=NETWORKS, default="paper")
    parser.add_argument("--batch", type=int, nargs="+", default=[16], help="images of a step")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--rounds", type=int, default=5, help="how often each side is timed")
    parser.add_argument("--sides", nargs="+", choices=SIDES, help="default: all that make sense here")
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 1)
    parser.add_argument("--no-peaks", dest="peaks", action="store_false", help="do not measure memory")
    parser.add_argument(
        "--results", type=Path, default=RESULTS, help="a .jsonl file; the page lies beside it"
    )
    options = parser.parse_args(words)
    for name in ("rounds", "threads", "batch"):
        value = getattr(options, name)
        if min(value if isinstance(value, list) else [value]) < 1:
            parser.error(f"--{name} {value}: must be at least 1")
    return options


if __name__ == "__main__":
    sys.exit(main())
