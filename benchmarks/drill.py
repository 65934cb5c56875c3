"""Kills a study's workflow again and again and checks that it ends as if nothing had happened.

    python benchmarks/drill.py                              100 faults of all kinds
    python benchmarks/drill.py --kills 10 --kinds kill state

A tiny study runs once undisturbed, then in another folder under faults (killing/faults.py): at random
moments the workflow, a job or the saved state is struck, and the workflow started again. Whenever
it comes to its end, every result is compared with the undisturbed run's, byte for byte, and the study begins
anew. Exit status 1 if anything differs, is lost, or does not recover.
"""

from __future__ import annotations

import argparse
import logging
import random
import shutil
import signal
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from killing.faults import KINDS, Fault, can_strike, strike
from killing.results import differences, digests, finished, saved_updates
from killing.study import HOME, copy_source, write_study
from killing.workflow import Workflow, living

from ddpm.records.files import write_text
from ddpm.records.provenance import git_commit, hardware

RESULTS = Path(__file__).parent / "results"
_POLL = 0.1
_FAILURES_IN_A_ROW = 3
_LONGEST = 1800.0
logger = logging.getLogger("ddpm")


class Drill:
    """One drill, and what it has seen.

    Args:
        folder: to work in; holds `source`, `undisturbed`, `disturbed`, `temporary` and what Snakemake prints.
        kills: faults in all.
        kinds: of faults; each is due once before one is due again.
        seed: of kinds, moments and damages; the moments depend on the machine's speed too.

    Attributes:
        expected: SHA-256 of the undisturbed run's results.
        faults: those that struck.
        starts: of Snakemake, after the undisturbed run.
        ends: how often the study came to its end.
        problems: differences, lost results, training that fell back, failures that nothing provoked.
    """

    def __init__(self, folder: Path, kills: int, kinds: Sequence[str] = tuple(KINDS), seed: int = 0) -> None:
        self.kills, self.seed, self.chance = kills, seed, random.Random(seed)
        self.undisturbed, self.disturbed = folder / "undisturbed", folder / "disturbed"
        self.source, self.temporary = folder / "source", folder / "temporary"
        self.temporary.mkdir(parents=True)
        self.kinds = list(kinds)
        self.expected: dict[str, str] = {}
        self.faults: list[Fault] = []
        self.problems: list[str] = []
        self.starts = self.ends = self._failures = 0
        self._due = list(self.kinds)
        self._orphans: list[int] = []
        self._seen: set[str] = set()
        self._updates = 0

    @property
    def striking(self) -> bool:
        """Whether more faults are to strike."""
        return len(self.faults) < self.kills

    def run(self) -> None:
        """Runs the study undisturbed, then disturbed until all faults have struck and it has finished.

        Raises:
            RuntimeError: the undisturbed run fails, or the workflow does not recover.
            TimeoutError: a workflow does not end.
        """
        copy_source(self.source)
        write_study(self.undisturbed)
        workflow = Workflow(self.source, self.undisturbed, self.temporary)
        if workflow.wait(_LONGEST) != 0:
            workflow.kill()
            raise RuntimeError(f"the undisturbed run failed:\n{workflow.messages()}")
        self.mean_life = workflow.age / 10
        self.expected = digests(self.undisturbed)
        logger.info("undisturbed: %d files in %.0f s", len(self.expected), workflow.age)
        write_study(self.disturbed)
        while not self._start() or self.striking:
            pass

    def _start(self) -> bool:
        """Starts the workflow and disturbs it, if a fault is due; returns whether it finished."""
        kind = self.chance.choice(self._due) if self.striking else None
        limit = int(2 ** self.chance.uniform(9, 17)) if kind == "file-size" else None
        workflow = Workflow(self.source, self.disturbed, self.temporary, limit)
        self.starts += 1
        if kind is not None and self._moment(workflow, kind):
            self._look()
            fault = strike(kind, workflow, self.disturbed, self.chance, 2 * self.mean_life)
            if kind == "state":
                self._updates = saved_updates(self.disturbed)
            if kind == "orphans":
                self._orphans.append(workflow.process.pid)
            self._struck(fault)
            return False
        workflow.wait(_LONGEST)
        while any(living(group) for group in self._orphans):
            time.sleep(_POLL)
        self._orphans.clear()
        self._look()
        if workflow.status == 0:
            self._finish()
            return True
        if limit:
            self._struck(Fault("file-size", [], f"files of at most {limit:,} bytes; the workflow ended"))
        else:
            self._fail(workflow)
        return False

    def _moment(self, workflow: Workflow, kind: str) -> bool:
        """Waits for the moment of a fault and stops the workflow; False if it ended before.

        Most moments lie some time after the start of the first job, some in the start of Snakemake.
        """
        begun = workflow.started if self.chance.random() < 0.1 else None
        life = self.chance.expovariate(1 / self.mean_life) * (4 if kind == "file-size" else 1)
        while workflow.status is None and workflow.age < _LONGEST:
            if begun is None and workflow.jobs():
                begun = time.monotonic()
            due = begun is not None and time.monotonic() > begun + life
            if due and can_strike(kind, workflow, self.disturbed):
                workflow.stop()
                if workflow.status is None and can_strike(kind, workflow, self.disturbed):
                    return True
                workflow.signal(signal.SIGCONT)
            time.sleep(_POLL)
        return False

    def _look(self) -> None:
        """What was finished at the last look must be there; what is finished, as in the undisturbed run."""
        now, updates = finished(self.disturbed), saved_updates(self.disturbed)
        self.problems += [f"{name}: gone after a restart" for name in sorted(self._seen - now.keys())]
        self.problems += differences(self.expected, self.expected | now)
        if 0 < updates < self._updates:
            self.problems.append(f"training fell back from {self._updates} to {updates} saved updates")
        self._seen, self._updates = set(now), updates

    def _struck(self, fault: Fault) -> None:
        self._failures = 0
        self._due = [kind for kind in self._due if kind != fault.kind] or list(self.kinds)
        self.faults.append(fault)
        logger.info("%d/%d: %s", len(self.faults), self.kills, fault)

    def _finish(self) -> None:
        found = differences(self.expected, digests(self.disturbed))
        self.problems += found
        self.ends += 1
        logger.info("finished after %d faults: %d differences", len(self.faults), len(found))
        if self.striking:
            shutil.rmtree(self.disturbed / HOME)
            self._seen, self._updates = set(), 0

    def _fail(self, workflow: Workflow) -> None:
        self.problems.append(f"a start failed that nothing disturbed:\n{workflow.messages()}")
        logger.info("%s", self.problems[-1])
        self._failures += 1
        if self._failures >= _FAILURES_IN_A_ROW:
            raise RuntimeError("starts fail that nothing disturbed: the workflow does not recover")


def report(drill: Drill, seconds: float) -> str:
    """What a drill has seen, as a page of Markdown."""
    times = Counter(fault.kind for fault in drill.faults)
    left = len(list((drill.disturbed / HOME).rglob(".*.partial*")))
    lines = [
        "# Kill drill",
        "",
        f"{len(drill.faults)} faults in {seconds / 60:.0f} min, {drill.starts} starts; {hardware('cpu')}; "
        f"commit {git_commit()}; seed {drill.seed}.",
        "",
        f"The study came to its end {drill.ends} times. Each time all {len(drill.expected)} results were "
        f"compared with those of an undisturbed run: **problems: {len(drill.problems)}**.",
        "",
        "| Fault | Times |",
        "|---|---|",
        *(f"| {words} | {times[kind]} |" for kind, words in KINDS.items()),
        "",
        f"- Temporary files left behind at the end: {left}.",
        *(f"- Problem: {problem}" for problem in drill.problems),
        "",
        *(f"{number}. {fault}" for number, fault in enumerate(drill.faults, start=1)),
    ]
    return "\n".join(lines) + "\n"


def main(words: Sequence[str] | None = None) -> int:
    """Runs the drill and writes its report; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=100, help="faults in all")
    parser.add_argument("--seed", type=int, default=0, help="of kinds, moments and damages")
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS))
    parser.add_argument("--report", type=Path, help="a .md file (default: in benchmarks/results)")
    options = parser.parse_args(words)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", datefmt="%H:%M:%S")
    folder = Path(tempfile.mkdtemp(prefix="kill-drill-"))
    path = options.report or RESULTS / f"kill_drill-{options.kills}-seed{options.seed}.md"
    started, drill = time.monotonic(), Drill(folder, options.kills, options.kinds, options.seed)
    try:
        drill.run()
    finally:
        if drill.faults:
            write_text(path, report(drill, time.monotonic() - started))
            logger.info("%d problems; the report is %s", len(drill.problems), path)
    if drill.problems:
        logger.info("what the workflows left lies in %s", folder)
    else:
        shutil.rmtree(folder)
    return 1 if drill.problems else 0


if __name__ == "__main__":
    sys.exit(main())
