"""The drill: a study is disturbed again and again, and must end with the bits of an undisturbed run."""

from __future__ import annotations

import dataclasses
import logging
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from killing.comparison import differences, digests
from killing.disk import SmallDisk
from killing.faults import NEED_A_PLACE, Strike, can_strike, strike
from killing.snapshot import WEIGHTS, Snapshot, leftovers, lost, remade, snapshot
from killing.study import HOME, STAGES, STEPS, remove_from, write_study
from killing.tally import Kill, Plan, Tally
from killing.workflow import Workflow, group_lives

logger = logging.getLogger("ddpm")
_POLL = 0.1
_FAILURES_IN_A_ROW = 3
_LONGEST = 1800.0


class Drill:
    """One drill in one folder.

    Args:
        folder: of its own; holds `undisturbed`, `disturbed`, `temporary` and the output of Snakemake.
        plan: how many faults of which kinds.
    """

    def __init__(self, folder: Path, plan: Plan) -> None:
        self.plan, self.kinds, self.life = plan, list(plan.kinds), plan.life
        self.ends = time.monotonic() + 60 * plan.minutes
        self.undisturbed, self.disturbed = folder / "undisturbed", folder / "disturbed"
        self.temporary = folder / "temporary"
        self.temporary.mkdir(parents=True)
        self.disk = SmallDisk(self.disturbed)
        if self.disk.reason and "full-disk" in self.kinds:
            logger.info("kind full-disk is left out: %s", self.disk.reason)
            self.kinds.remove("full-disk")
        self.chance, self.tally = random.Random(plan.seed), Tally()
        self.before: Snapshot | None = None
        self.pending = list(self.kinds)
        self.orphans: list[int] = []
        self.failures = 0

    @property
    def striking(self) -> bool:
        """Whether more faults are to strike."""
        return len(self.tally.kills) < self.plan.kills and time.monotonic() < self.ends

    def run(self, finished: Callable[[], object] = lambda: None) -> Tally:
        """Runs the study undisturbed, then disturbed until all faults have struck and it has finished.

        Args:
            finished: called whenever the study has come to its end.
        """
        write_study(self.undisturbed)
        started = time.monotonic()
        workflow = Workflow(self.undisturbed, self.plan.cores, self.temporary)
        if workflow.wait(seconds=1800):
            raise RuntimeError(f"the undisturbed run failed:\n{workflow.messages()}")
        self.expected = digests(self.undisturbed / HOME)
        seconds = time.monotonic() - started
        self.life = self.life or seconds / 10
        logger.info("undisturbed: %d files in %.0f s", len(self.expected), seconds)
        write_study(self.disturbed)
        while True:
            if self._live():
                self.left = leftovers(self.disturbed, self.temporary)
                finished()
                if not self.striking:
                    return self.tally
                self._start_again()

    def _live(self) -> bool:
        """Starts the workflow and disturbs it, if a fault is due; returns whether it finished."""
        kind = self._kind() if self.striking else None
        limit = int(2 ** self.chance.uniform(9, 17)) if kind == "file-size" else None
        workflow = Workflow(self.disturbed, self.plan.cores, self.temporary, limit)
        self.tally.starts += 1
        running = self._wait(workflow, kind if limit is None else None)
        if kind is not None and workflow.status is None:
            struck = strike(kind, workflow, self.disturbed, self.disk, self.chance, self.plan.on_seconds)
            self._record(kind, workflow, struck)
            if kind == "orphans":
                self.orphans.append(workflow.process.pid)
            return False
        self._wait_for_orphans()
        now = self._check()
        if workflow.status == 0:
            return self._finish()
        if kind is not None and limit is not None:
            self._record(kind, workflow, Strike(running, now, f"files of at most {limit:,} bytes"))
        else:
            self._fail(workflow)
        return False

    def _kind(self) -> str | None:
        """A kind that has not struck in this turn; None if the workflow has to finish and train anew for it.

        There is no state to be damaged once training is over.
        """
        trained = (self.disturbed / WEIGHTS).exists()
        possible = [kind for kind in self.pending if kind != "state" or not trained]
        return self.chance.choice(possible) if possible else None

    def _wait(self, workflow: Workflow, kind: str | None) -> list[str]:
        """Waits for the moment to strike, or the end; returns the rules that were last seen running."""
        at_start = self.chance.random() < 0.1 and kind not in NEED_A_PLACE
        life = self.chance.expovariate(1 / (self.life or 1))
        seen: list[str] = []
        since = time.monotonic() if at_start else None
        while workflow.status is None:
            seen = sorted(workflow.jobs().values()) or seen
            if since is None and can_strike(kind or "kill", workflow, self.disturbed):
                since = time.monotonic()
            lived = 0.0 if since is None else time.monotonic() - since
            if kind is not None and since is not None and lived > life and self._is_caught(kind, workflow):
                break
            if workflow.largest_file is not None and lived > 4 * life:
                workflow.kill()
            if workflow.age > _LONGEST:
                workflow.kill()
                raise TimeoutError(f"the workflow ran for {_LONGEST:.0f} s:\n{workflow.messages()}")
            time.sleep(_POLL)
        return seen

    def _is_caught(self, kind: str, workflow: Workflow) -> bool:
        """Stops the workflow if the fault can strike now; it goes on if, once stopped, it no longer can."""
        if kind not in NEED_A_PLACE:
            workflow.stop()
            return True
        if not can_strike(kind, workflow, self.disturbed):
            return False
        workflow.stop()
        if can_strike(kind, workflow, self.disturbed):
            return True
        workflow.signal_group(signal.SIGCONT)
        return False

    def _record(self, kind: str, workflow: Workflow, struck: Strike) -> None:
        self._compare_with_last(struck.before)
        if struck.redone > 0:
            self.tally.redone_updates["damaged state"] += struck.redone
        if struck.before.unprotected and kind != "file-size":
            self.tally.redone_updates["finished training whose job Snakemake had not seen end"] += STEPS
        if struck.problem:
            self.tally.problems.append(f"{kind}: {struck.problem}")
        fallen = struck.before.saved_updates - struck.redone
        self.before = dataclasses.replace(struck.before, saved_updates=fallen)
        self.failures = 0
        self.pending = [other for other in self.pending if other != kind] or list(self.kinds)
        self.tally.kills.append(
            Kill(kind, struck.running, struck.detail, round(workflow.age, 2), struck.before.saved_updates)
        )
        names = ", ".join(struck.running) or "no job"
        logger.info(
            "kill %d/%d: %s during %s %s", len(self.tally.kills), self.plan.kills, kind, names, struck.detail
        )

    def _check(self) -> Snapshot:
        now = snapshot(self.disturbed)
        self._compare_with_last(now)
        self.before = now
        return now

    def _compare_with_last(self, now: Snapshot) -> None:
        """Nothing that was finished at the last fault may be gone or changed."""
        if self.before is None:
            return
        self.tally.problems += lost(self.before, now)
        self.tally.remade += remade(self.before, now)
        in_training = now.saved_updates > 0 and self.before.saved_updates > 0
        if in_training and now.saved_updates < self.before.saved_updates:
            self.tally.problems.append(
                f"training fell back from {self.before.saved_updates} to {now.saved_updates} saved updates"
            )

    def _finish(self) -> bool:
        found = differences(self.expected, digests(self.disturbed / HOME))
        self.tally.problems += found
        self.tally.rounds.append({"kills": len(self.tally.kills), "differences": len(found)})
        logger.info("finished after %d kills: %d differences", len(self.tally.kills), len(found))
        return True

    def _fail(self, workflow: Workflow) -> None:
        self.tally.unprovoked.append(workflow.messages())
        logger.info("a start failed that nothing disturbed:\n%s", workflow.messages())
        self.failures += 1
        if self.failures >= _FAILURES_IN_A_ROW:
            raise RuntimeError("starts fail that nothing disturbed: the workflow does not recover")

    def _start_again(self) -> None:
        """Removes what a rule and all later ones made: training now and then, else the rule hit least."""
        hits = Counter(rule for kill in self.tally.kills for rule in kill.running)
        fewest = min(hits[rule] for rule in STAGES)
        least = self.chance.choice([rule for rule in STAGES if hits[rule] == fewest])
        training = self.pending == ["state"] or self.chance.random() < 0.25
        rule = "train" if training else least
        logger.info("removed %d files, from %s on", remove_from(self.disturbed, rule), rule)
        self.before = None

    def _wait_for_orphans(self) -> None:
        while any(group_lives(group) for group in self.orphans):
            time.sleep(_POLL)
        self.orphans.clear()
