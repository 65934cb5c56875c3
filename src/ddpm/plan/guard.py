"""Keeps the paper's training from starting on a machine that would need months for it."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from ddpm.graph import dependencies
from ddpm.plan.cost import Plan, speed_of_rate
from ddpm.plan.jobs import Job
from ddpm.study import Study

LIMIT_HOURS = 24.0
# What one good core does in float32 convolutions; many cores do some times as much.
ASSUMED_RATE = 200e9
NETWORK_KINDS = frozenset({"training", "sampling", "likelihood", "checkpoint selection"})


def refusal(study: Study, jobs: Sequence[Job]) -> str | None:
    """Why jobs that are about to run should not start here, after their plan; None if they may.

    Nothing is measured, and torch is loaded only to look for a GPU if the work is long.
    """
    rate = f"{ASSUMED_RATE / 1e9:.0f} GFLOP/s"
    note = f"Assumed, not measured: {rate}. `ddpm plan {study.file}` measures this machine."
    plan = Plan(study, jobs, speed_of_rate(study, ASSUMED_RATE, "this machine's processor", [note]))
    if network_hours(plan) <= LIMIT_HOURS or has_gpu():
        return None
    from ddpm.artefacts.published import read_published
    from ddpm.plan.report import advice, plan_text

    return (
        f"{plan_text(plan, read_published(dependencies.published_file()))}\n\n{advice(plan)}\n\n"
        f"Nothing was started: there is no GPU here, and {study.file} would take more than {LIMIT_HOURS:.0f} "
        "hours.\nTo start it all the same: snakemake ... --config allow_cpu=true"
    )


def network_hours(plan: Plan) -> float:
    """What the networks of a plan's jobs take, in hours: training, sampling, bounds."""
    return sum(seconds for kind, seconds in plan.seconds_by_kind.items() if kind in NETWORK_KINDS) / 3600


def has_gpu() -> bool:
    """Whether jobs on this machine would find a GPU: torch says so, or where it is missing, the driver."""
    try:
        import torch
    except ImportError:
        return shutil.which("nvidia-smi") is not None
    return torch.cuda.is_available()
