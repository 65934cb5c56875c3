"""What the paper's own machine, a TPU v3-8, would take: its printed speeds (appendix B) times our work."""

from __future__ import annotations

from collections.abc import Iterable

from ddpm.artefacts.published import Published
from ddpm.plan.cost import KINDS
from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import model_cost, unet_cost
from ddpm.plan.work import job_work
from ddpm.study import Study
from ddpm.study.models import NetworkSettings


def papers_seconds(study: Study, jobs: Iterable[Job], published: Published) -> dict[str, float]:
    """Seconds for training and for sampling by kind of work; empty where its speeds do not apply.

    They apply to the paper's CIFAR-10 network, its batch size and its T; the paper prints none for the
    likelihood or the evaluation.
    """
    jobs = list(jobs)
    models = {job["model"] for job in jobs if job.rule in ("train", "sample")}
    if not models or not all(_is_papers(study, model, published) for model in models):
        return {}
    sums: dict[str, float] = {}
    for job in jobs:
        if job.rule in ("train", "sample", "chain"):
            work = job_work(study, job)
            seconds = work.steps / _number(published, "Training", "training speed")
            seconds += work.evaluations * _seconds_of_evaluation(published)
            sums[KINDS[job.rule]] = sums.get(KINDS[job.rule], 0.0) + seconds
    return sums


def _is_papers(study: Study, model: str, published: Published) -> bool:
    """Whether a model has the paper's CIFAR-10 network (learned variance or not) and batch size."""
    settings = study.model(model)
    papers = {unet_cost(NetworkSettings(), (3, 32, 32), outputs) for outputs in (1, 2)}
    batch = int(_number(published, "Settings", "batch size"))
    return model_cost(study, model) in papers and settings.training.batch_size == batch


def _seconds_of_evaluation(published: Published) -> float:
    """Seconds of one network input in sampling: a batch's time over its images and T steps."""
    images = _number(published, "Sampling", "images per batch")
    steps = published.number("text", "all", "T", group="Settings").value
    return _number(published, "Sampling", "seconds per batch") / (images * steps)


def _number(published: Published, group: str, metric: str) -> float:
    return published.number("text", "CIFAR-10", metric, group=group).value
