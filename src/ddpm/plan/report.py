"""The plan as plain text, at most 100 columns wide."""

from __future__ import annotations

import textwrap
from collections import Counter, defaultdict
from collections.abc import Sequence

from ddpm.artefacts.published import Published
from ddpm.plan.cost import Plan
from ddpm.plan.jobs import Job
from ddpm.plan.papers_machine import papers_seconds
from ddpm.plan.rules import RULES
from ddpm.plan.units import duration, size
from ddpm.study import layout

COLUMNS = 100


def plan_text(plan: Plan, published: Published) -> str:
    """What will run, how long it takes, and the disk it fills, with the paper's own figures beside."""
    parts = [_heading(plan), _jobs(plan)]
    if plan.to_run:
        parts += [_times(plan, published), _chain(plan), _disk(plan), _wrapped(*plan.speed.notes)]
    return "\n\n".join(part for part in parts if part)


def _heading(plan: Plan) -> str:
    return f"{plan.study.title}  ({plan.study.file})"


def _jobs(plan: Plan) -> str:
    by_rule: defaultdict[str, list[Job]] = defaultdict(list)
    for job in plan.jobs.all:
        by_rule[job.rule].append(job)
    left = set(plan.to_run)
    rows = []
    for rule in [rule.name for rule in RULES if rule.name in by_rule]:
        jobs = by_rule[rule]
        waiting = [job for job in jobs if job in left]
        longest = max((plan.job_seconds(job) for job in waiting), default=0.0)
        times = [duration(longest), duration(plan.seconds(waiting))] if waiting else ["", ""]
        rows.append([rule, *_counts(jobs, waiting), *times])
    total = ["total", *_counts(plan.jobs.all, plan.to_run), "", duration(plan.total_seconds)]
    table = _table(["jobs", "all", "done", "to run", "one, at most", "together"], rows, total)
    done = "All of it is done. " if not plan.to_run else ""
    meaning = "Done: the files are there, or nothing needs them. What is out of date, Snakemake knows."
    return f"{table}\n{done}{meaning}"


def _counts(jobs: Sequence[Job], waiting: Sequence[Job]) -> list[str]:
    return [f"{len(jobs):,}", f"{len(jobs) - len(waiting):,}", f"{len(waiting):,}"]


def _times(plan: Plan, published: Published) -> str:
    paper = papers_seconds(plan.study, plan.to_run, published)
    rows = [
        [kind, _hours(seconds), duration(seconds), _hours(paper[kind]) if kind in paper else ""]
        for kind, seconds in plan.seconds_by_kind.items()
    ]
    total = ["total", _hours(plan.total_seconds), duration(plan.total_seconds), ""]
    heading = ["time", "hours", "", "hours, paper's TPU v3-8" if paper else ""]
    lines = [f"On {plan.speed.machine}, one job at a time:", _table(heading, rows, total)]
    if paper:
        lines.append(_paper(published))
    return "\n".join(lines)


def _paper(published: Published) -> str:
    def printed(row: str, metric: str) -> str:
        return published.number("text", "CIFAR-10", metric, group=row).printed

    return _wrapped(
        f"The paper, on a TPU v3-8: {printed('Training', 'training speed')} training steps/s, "
        f"{printed('Training', 'training time')} h for {int(printed('Training', 'training steps')):,} steps; "
        f"{printed('Sampling', 'images per batch')} samples in {printed('Sampling', 'seconds per batch')} s."
    )


def _hours(seconds: float) -> str:
    hours = seconds / 3600
    return f"{hours:,.0f}" if hours >= 99.95 else f"{hours:.1f}" if hours >= 0.1 else f"{hours:.2f}"


def _chain(plan: Plan) -> str:
    chain = plan.longest_chain
    steps = [f"{_name(job)} {duration(plan.job_seconds(job))}" for job in chain.jobs]
    return _wrapped(
        f"With a machine for each job: {duration(chain.seconds)}. The longest chain is {'; '.join(steps)}."
    )


def _name(job: Job) -> str:
    shown = [value for name, value in job.wildcards if name in ("model", "figure", "table")]
    return " ".join(shown if job.rule in ("figure", "table") else [job.rule, *shown])


def _disk(plan: Plan) -> str:
    rows = [[kind, size(count)] for kind, count in plan.bytes_by_kind.items()]
    table = _table(["disk", "size"], rows, ["total", size(sum(plan.bytes_by_kind.values()))])
    if not plan.state_bytes:
        return table
    runs = Counter(job.rule for job in plan.to_run)["train"]
    largest = size(plan.state_bytes)
    return f"{table}\nWhile it trains, a run keeps up to {largest} of saved state besides ({runs} runs)."


def _wrapped(*sentences: str) -> str:
    return "\n".join(textwrap.fill(text, COLUMNS, subsequent_indent="  ") for text in sentences)


def _table(heading: list[str], rows: list[list[str]], total: list[str]) -> str:
    """Columns aligned: the first to the left, the others to the right; a line above the total."""
    body = [heading, *rows, total]
    widths = [max(len(row[column]) for row in body) for column in range(len(heading))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in body
    ]
    return "\n".join([*lines[:-1], "-" * max(map(len, lines)), lines[-1]])


def advice(plan: Plan) -> str:
    """What to run instead, where a processor is all there is."""
    pilot = layout.INDEX.format(home=layout.home("pilot"))
    instead = [
        ("make demo", "the same tables and figures for handwritten digits"),
        (f"snakemake {pilot}", "on a GPU: the pilot (config/pilot.yaml)"),
        ("snakemake --profile slurm all", "on a cluster with GPUs: the paper's study"),
        ("pretrained: {...}", "published weights instead of training (README)"),
        (f"ddpm plan {plan.study.file} --step-time S", "this plan for a machine with steps of S seconds"),
    ]
    width = max(len(command) for command, _ in instead)
    lines = [f"  {command.ljust(width)}  {what}" for command, what in instead]
    return "\n".join([f"Without a GPU this takes {duration(plan.total_seconds)} here. Instead:", *lines])
