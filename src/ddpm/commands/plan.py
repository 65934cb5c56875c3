"""Print what a study costs before it is launched: its jobs, hours, memory and disk, here or elsewhere."""

from __future__ import annotations

import argparse
import json
import math
import os
import sys
from typing import TYPE_CHECKING

from ddpm.graph import dependencies
from ddpm.study import Study

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ddpm.plan.cost import Speed
    from ddpm.plan.jobs import Job

GROUP = "the study"
EXAMPLES = ("ddpm plan config/demo.yaml", "ddpm plan config/paper.yaml --step-time 0.1 --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument(
        "--target",
        nargs="+",
        action="extend",
        default=[],
        metavar="NAME",
        help="plan for these alone: tables, figures, index, or files under results (default: all)",
    )
    parser.add_argument(
        "--step-time",
        type=_seconds,
        metavar="SECONDS",
        help="what a training step of the largest network takes on the machine that is planned for (default: "
        "measured on this one)",
    )
    parser.add_argument("--json", action="store_true", help="print the plan as one JSON object")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Prints the plan; measures this machine for it unless a step time is given or nothing is left to run."""
    from ddpm.artefacts.published import read_published
    from ddpm.plan.cost import Plan
    from ddpm.plan.guard import LIMIT_HOURS
    from ddpm.plan.jobs import study_jobs
    from ddpm.plan.numbers import plan_numbers
    from ddpm.plan.report import advice, plan_text

    published = read_published(dependencies.published_file())
    jobs = study_jobs(study, arguments.target)
    plan = Plan(study, jobs, _speed(study, jobs, arguments))
    if arguments.json:
        _print(json.dumps(plan_numbers(plan), indent=1))
        return
    text = plan_text(plan, published)
    if arguments.step_time is None and arguments.device == "cpu" and plan.total_seconds > 3600 * LIMIT_HOURS:
        text += f"\n\n{advice(plan)}"
    _print(text)


def _speed(study: Study, jobs: Sequence[Job], arguments: argparse.Namespace) -> Speed:
    """Given by the step time, or measured for the models that the jobs left to run use."""
    from ddpm.plan.cost import speed_of_rate, speed_of_step, used_models
    from ddpm.plan.guard import ASSUMED_RATE

    if arguments.step_time is not None:
        return speed_of_step(study, used_models(study, jobs) or list(study.models), arguments.step_time)
    models = used_models(study, [job for job in jobs if job.pending])
    if not models:
        # Only small work is left, whatever the machine.
        return speed_of_rate(study, ASSUMED_RATE, "this machine", [])
    from ddpm.plan.measure import measured_speed

    return measured_speed(study, models, arguments.device)


def _print(text: str) -> None:
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal without UTF-8 shows a replacement sign instead of failing at a title's letter.
        sys.stdout.reconfigure(errors="replace")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader (`ddpm plan ... | head`) has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _seconds(word: str) -> float:
    number = float(word)
    if not (0 < number < math.inf):
        raise argparse.ArgumentTypeError("must be a time above 0")
    return number
