"""The drill's report, as JSON and as a page of Markdown."""

from __future__ import annotations

import dataclasses
import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from killing.drill import Drill
from killing.faults import KINDS
from killing.study import STAGES

from ddpm.files import write_text
from ddpm.provenance import git_commit, hardware


def summary(drill: Drill, seconds: float) -> dict[str, Any]:
    """All figures of a drill that has run."""
    tally = drill.tally
    rules = Counter(rule for kill in tally.kills for rule in kill.running or ["(no job)"])
    return {
        "git_commit": git_commit(),
        "hardware": hardware("cpu"),
        "seed": drill.plan.seed,
        "jobs_at_once": drill.plan.cores,
        "wall_seconds": round(seconds),
        "kills": len(tally.kills),
        "kills_by_kind": dict(Counter(kill.kind for kill in tally.kills)),
        "kinds_left_out": {"full-disk": drill.disk.reason} if drill.disk.reason else {},
        "kills_by_running_rule": {rule: rules[rule] for rule in [*STAGES, "(no job)"]},
        "starts": tally.starts,
        "finished": len(tally.rounds),
        "files_compared": len(drill.expected),
        "problems": tally.problems,
        "unprovoked_failures": tally.unprovoked,
        "results_remade": tally.remade,
        "saved_updates_redone": dict(tally.redone_updates),
        "leftovers": drill.left,
        "events": [dataclasses.asdict(kill) for kill in tally.kills],
        "rounds": tally.rounds,
    }


def write_report(figures: Mapping[str, Any], path: Path) -> None:
    """Writes `path`.json and `path`.md, atomically."""
    write_text(path.with_suffix(".json"), json.dumps(figures, indent=1) + "\n")
    write_text(path.with_suffix(".md"), _page(figures))


def _page(figures: Mapping[str, Any]) -> str:
    left = {kind: len(files) for kind, files in figures["leftovers"].items()}
    problems = figures["problems"] + figures["unprovoked_failures"]
    lines = [
        "# Kill drill",
        "",
        f"{figures['kills']} faults in {figures['wall_seconds'] / 60:.0f} min, {figures['starts']} starts, "
        f"{figures['jobs_at_once']} jobs at once; {figures['hardware']}; commit {figures['git_commit']}; "
        f"seed {figures['seed']}.",
        "",
        f"The study came to its end {figures['finished']} times. Each time all {figures['files_compared']} "
        f"results were compared with those of an undisturbed run: **problems: {len(problems)}**.",
        "",
        "| Fault | Times |",
        "|---|---|",
        *(f"| {KINDS[kind]} | {figures['kills_by_kind'].get(kind, 0)} |" for kind in KINDS),
        "",
        "| Rule that ran | Faults |",
        "|---|---|",
        *(f"| {rule} | {count} |" for rule, count in figures["kills_by_running_rule"].items()),
        "",
        "Two jobs ran at once at times: such a fault counts for both rules.",
        "",
        f"- Finished results that were written again, with the same content: {figures['results_remade']}.",
        f"- Saved updates of training made again: {_words(figures['saved_updates_redone'])}. "
        "Training was saved after every update, so a kill costs one update besides, the one under way.",
        f"- Left behind: {_words(left)}.",
        *(f"- Left out: {kind}: {reason}." for kind, reason in figures["kinds_left_out"].items()),
        *(f"- Problem: {problem}" for problem in problems),
    ]
    return "\n".join(lines) + "\n"


def _words(counts: Mapping[str, int]) -> str:
    return ", ".join(f"{count} ({name})" for name, count in counts.items() if count) or "none"
