"""Kills a study's workflow again and again and checks that it ends as if nothing had happened.

    python benchmarks/kill_drill.py                       100 faults of all kinds
    python benchmarks/kill_drill.py --kills 10 --kinds kill state

A tiny study runs once undisturbed, then in another folder under faults (killing/faults.py): at random
moments the workflow, a job, the disk or the saved state is struck, and the workflow started again. Whenever
it comes to its end, every result is compared with the undisturbed run's, bit for bit. Exit status 1 if
anything differs, is lost, or does not recover.
"""

from __future__ import annotations

import argparse
import logging
import math
import shutil
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from killing.drill import Drill
from killing.faults import KINDS
from killing.report import summary, write_report
from killing.tally import Plan

RESULTS = Path(__file__).parent / "results"
logger = logging.getLogger("ddpm")


def main() -> int:
    """Runs the drill; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="faults in all")
    parser.add_argument("--seed", type=int, default=0, help="of kinds, moments and damages")
    parser.add_argument("--folder", type=Path, help="an empty or new folder to work in (default: temporary)")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--cores", type=int, default=2, help="jobs that run at once")
    parser.add_argument(
        "--life", type=float, help="mean seconds from first job to fault (default: a tenth of a whole run)"
    )
    parser.add_argument("--minutes", type=float, default=math.inf, help="no more faults after this time")
    parser.add_argument("--report", type=Path, help="path of the report, without suffix")
    options = parser.parse_args()
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    if options.folder is not None and options.folder.exists() and any(options.folder.iterdir()):
        parser.error(f"--folder {options.folder}: is not empty; name a new folder")
    folder = (options.folder or Path(tempfile.mkdtemp(prefix="kill-drill-"))).resolve()
    started = time.monotonic()
    path = options.report or RESULTS / f"kill_drill-{options.kills}-seed{options.seed}"
    plan = Plan(
        options.kinds, options.kills, options.seed, options.cores, options.life, minutes=options.minutes
    )
    drill = Drill(folder, plan)

    def report() -> dict[str, Any]:
        figures = summary(drill, time.monotonic() - started)
        write_report(figures, path)
        return figures

    try:
        drill.run(report)
    finally:
        drill.disk.close()
    figures = report()
    problems = figures["problems"] + figures["unprovoked_failures"]
    logger.info("%d problems; the report is %s", len(problems), path.with_suffix(".md"))
    if options.folder is None and not problems:
        shutil.rmtree(folder)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
