"""The plan as plain text, at most 100 columns wide."""

from __future__ import annotations

import math
import textwrap
from collections import Counter
from collections.abc import Sequence

from ddpm.artefacts.published import Published
from ddpm.graph import layout
from ddpm.plan.cost import Plan
from ddpm.plan.jobs import Job
from ddpm.plan.memory import Fitting, evaluation_bytes, fitting, training_bytes
from ddpm.plan.papers_machine import papers_seconds
from ddpm.plan.units import duration, size
from ddpm.plan.work import REST, RULES, TRAINING
from ddpm.study import Study
from ddpm.study.evaluation import LikelihoodSettings, SamplingSettings

COLUMNS = 100
# Memory in GB of common GPUs, and what the estimate of a job's memory should leave of it.
CARDS, SPARE = (16, 24, 40, 80), 1
# The card for which the report says how training fits it.
USUAL_CARD = 24
MEMORY_NOTE = (
    "An estimate: weights, average, moments, gradients, images, and the activations of a batch (of a shard "
    "where gradients are clipped in shards, of a part with gradient_accumulation). Left out, with "
    f"{SPARE} GB set aside for it: the CUDA context, workspaces of convolutions, fragmentation, CUDA graphs. "
    "A batch of samples or of the bound that does not fit is halved; several GPUs share a batch of training."
)


def plan_text(plan: Plan, published: Published) -> str:
    """What will run, its time, memory and disk, with the paper's own figures beside."""
    parts = [f"{plan.study.title}  ({plan.study.file})", _jobs(plan)]
    if plan.to_run:
        parts += [_times(plan, published), f"{_chain(plan)}{_job_time(plan)}", _memory(plan), _disk(plan)]
        parts.append(_wrapped(*plan.speed.notes))
    return "\n\n".join(part for part in parts if part)


def _jobs(plan: Plan) -> str:
    rules = dict.fromkeys([*RULES, *sorted(job.rule for job in plan.jobs)])
    by_rule = {rule: [job for job in plan.jobs if job.rule == rule] for rule in rules}
    rows = [[rule, *_counts(jobs), *_job_times(plan, jobs)] for rule, jobs in by_rule.items() if jobs]
    total = ["total", *_counts(plan.jobs), "", duration(plan.total_seconds)]
    table = _table(["jobs", "all", "done", "to run", "one, at most", "together"], rows, total)
    done = "All of it is done. " if not plan.to_run else ""
    return f"{table}\n{done}Done: Snakemake has no reason to run it."


def _counts(jobs: Sequence[Job]) -> list[str]:
    left = sum(job.pending for job in jobs)
    return [f"{count:,}" for count in (len(jobs), len(jobs) - left, left)]


def _job_times(plan: Plan, jobs: Sequence[Job]) -> list[str]:
    left = [job for job in jobs if job.pending]
    if not left:
        return ["", ""]
    if left[0].rule not in RULES:
        return ["", "not counted"]
    return [duration(max(plan.seconds([job]) for job in left)), duration(plan.seconds(left))]


def _times(plan: Plan, published: Published) -> str:
    paper = papers_seconds(plan, published)
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
    steps = [f"{_name(job)} {duration(plan.seconds([job]))}" for job in chain.jobs]
    return _wrapped(
        f"With a machine for each job: {duration(chain.seconds)}. The longest chain is {'; '.join(steps)}."
    )


def _job_time(plan: Plan) -> str:
    """What Slurm's jobs should ask for; training asks for the walltime, and goes on after it."""
    own = [job for job in plan.to_run if job.rule in RULES and RULES[job.rule].kind not in (TRAINING, REST)]
    if not own:
        return ""
    longest = max(own, key=lambda job: plan.seconds([job]))
    seconds = plan.seconds([longest])
    minutes = max(10, 10 * math.ceil(2 * seconds / 600))
    return "\n" + _wrapped(
        f"On Slurm no job but training takes longer than {duration(seconds)} ({_name(longest)}): "
        f"`job_time: {minutes}` in slurm/config.yaml is enough."
    )


def _name(job: Job) -> str:
    shown = [value for name, value in job.wildcards.items() if name in ("model", "figure", "table")]
    return " ".join(shown if job.rule in ("figure", "table") else [job.rule, *shown])


def _memory(plan: Plan) -> str:
    """GPU memory of each model's jobs, with the smallest card that holds the largest of them."""
    study, rows = plan.study, []
    kinds = {
        "training": (["train"], lambda model: training_bytes(study, model)),
        "sampling": (
            ["sample", "checkpoint", "respaced"],
            lambda model: _evaluation(study, model, study.sampling_of(model)),
        ),
        "likelihood": (["bound"], lambda model: _evaluation(study, model, study.likelihood)),
    }
    for model in study.models:
        rules = {job.rule for job in plan.to_run if job.wildcards.get("model") == model}
        needs = [need(model) if rules.intersection(of) else 0 for of, need in kinds.values()]
        if any(needs):
            rows.append([model, *(size(need) if need else "" for need in needs), card(max(needs))])
    if not rows:
        return ""
    hints = [_ways(plan.study, job["model"]) for job in plan.to_run if job.rule == "train"]
    notes = _wrapped(*filter(None, dict.fromkeys(hints)), MEMORY_NOTE)
    return f"{_table(['GPU memory', *kinds, 'card'], rows)}\n{notes}"


def _ways(study: Study, model: str) -> str:
    """How the training of a model fits the usual card; "" if it does as it is."""
    largest = (USUAL_CARD - SPARE) * 1e9
    if training_bytes(study, model) <= largest:
        return ""
    ways = [_way(found) for found in fitting(study, model, largest)]
    how = "; or with ".join(ways) or "nothing but a smaller network or bfloat16"
    return f"To train {model} on a card of {USUAL_CARD} GB: with {how}."


def _way(found: Fitting) -> str:
    parts = f"gradient_accumulation: {found.accumulation}" if found.accumulation > 1 else ""
    again = "activation_checkpointing: true" if found.checkpointing else ""
    return f"{' and '.join(filter(None, (parts, again)))} ({size(found.bytes)})"


def _evaluation(study: Study, model: str, settings: SamplingSettings | LikelihoodSettings) -> int:
    return evaluation_bytes(study, model, settings.batch_size, settings.precision)


def card(need: float) -> str:
    """The smallest of common GPUs that has so many bytes and some to spare."""
    found = [f"{memory} GB" for memory in CARDS if need <= (memory - SPARE) * 1e9]
    return found[0] if found else f"over {CARDS[-1]} GB"


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


def _table(heading: list[str], rows: list[list[str]], total: list[str] | None = None) -> str:
    """Columns aligned: the first to the left, the others to the right; a line above the total."""
    body = [heading, *rows, *([total] if total else [])]
    widths = [max(len(row[column]) for row in body) for column in range(len(heading))]
    lines = [
        "  ".join([row[0].ljust(widths[0]), *map(str.rjust, row[1:], widths[1:])]).rstrip() for row in body
    ]
    if total:
        lines.insert(-1, "-" * max(map(len, lines)))
    return "\n".join(lines)


def advice(plan: Plan) -> str:
    """What to run instead, where a processor is all there is."""
    pilot = layout.REPORT.format(home=layout.home("pilot"))
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
