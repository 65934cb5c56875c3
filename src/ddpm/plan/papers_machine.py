"""What the paper's own machine, a TPU v3-8, would take for a plan's work."""

from __future__ import annotations

from collections import defaultdict

from ddpm.artefacts.published import Published
from ddpm.plan.cost import Plan
from ddpm.plan.network_cost import model_cost, unet_cost
from ddpm.plan.work import RULES
from ddpm.study import Study
from ddpm.study.models import NetworkSettings


def papers_seconds(plan: Plan, published: Published) -> dict[str, float]:
    """What the paper's own machine, a TPU v3-8, would take: its printed speeds (appendix B) times our work.

    Seconds for training and for sampling by kind of work; empty where its speeds do not apply. They apply to
    the paper's CIFAR-10 network, its batch size and its T; the paper prints none for the likelihood or the
    evaluation.
    """
    jobs = [job for job in plan.to_run if job.rule in ("train", "sample", "chain", "respaced")]
    models = {job["model"] for job in jobs if job.rule != "chain"}
    if not models or not all(_is_papers(plan.study, model, published) for model in models):
        return {}
    steps = published.number("text", "all", "T", group="Settings").value
    batch = _number(published, "Sampling", "images per batch")
    evaluation = _number(published, "Sampling", "seconds per batch") / (batch * steps)
    step = 1 / _number(published, "Training", "training speed")
    sums: defaultdict[str, float] = defaultdict(float)
    for job in jobs:
        work = plan.work[job]
        sums[RULES[job.rule].kind] += work.steps * step + work.evaluations * evaluation
    return dict(sums)


def _is_papers(study: Study, model: str, published: Published) -> bool:
    """Whether a model has the paper's CIFAR-10 network (learned variance or not) and batch size."""
    settings = study.model(model)
    papers = {unet_cost(NetworkSettings(), (3, 32, 32), outputs).parameters for outputs in (1, 2)}
    batch = int(_number(published, "Settings", "batch size"))
    return model_cost(study, model).parameters in papers and settings.training.batch_size == batch


def _number(published: Published, group: str, metric: str) -> float:
    return published.number("text", "CIFAR-10", metric, group=group).value
