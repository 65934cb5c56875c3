"""What a job computes, in units that do not depend on the machine: steps, network calls, features."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from ddpm.artefacts.figures.figure7 import SharedLatentsSettings
from ddpm.artefacts.figures.interpolation import InterpolationSettings
from ddpm.plan.jobs import Job
from ddpm.study import Study
from ddpm.study.models import ModelSettings

# Seconds that starting a job and reading its files take, and what else a job of a rule does:
# rough, and small beside what is counted.
START_SECONDS = 5.0
OTHER_SECONDS = {"fetch": 60.0, "data": 15.0, "figure": 5.0}
# FID's eigenvalues and covariance, KID and precision and recall of one set of Inception's features.
INCEPTION_STATISTICS_SECONDS = {"quality": 60.0, "reference": 300.0}
STATISTICS_SECONDS_PER_SET = 10.0


@dataclasses.dataclass(frozen=True)
class Work:
    """What a job computes.

    Attributes:
        model: whose network it uses, or None.
        steps: training steps.
        evaluations: network inputs (image, t) that are evaluated without a gradient.
        features: images through the feature extractor.
        seconds: what is not counted.
    """

    model: str | None = None
    steps: int = 0
    evaluations: int = 0
    features: int = 0
    seconds: float = START_SECONDS


def job_work(study: Study, job: Job) -> Work:
    """The work of a job; batches that are filled up to their size count whole."""
    work = _COUNTED[job.rule](study, job) if job.rule in _COUNTED else Work()
    seconds = work.seconds + OTHER_SECONDS.get(job.rule, 0.0) + _statistics_seconds(study, job)
    return dataclasses.replace(work, seconds=seconds)


def sampling_evaluations(study: Study, model: ModelSettings, images: int) -> int:
    """Network inputs for so many finished samples, in whole batches."""
    batch = study.sampling.batch_size
    return -(-images // batch) * batch * model.diffusion.timesteps


def shard_images(study: Study, shard: int) -> int:
    """Samples in a shard."""
    size = study.sampling.batch_size * study.sampling.batches_per_shard
    return max(0, min(size, study.sampling.images - shard * size))


def bound_images(study: Study, job: Job) -> int:
    """Images whose bound a job evaluates."""
    model = study.model(job["model"])
    split = study.likelihood.evaluated(study.datasets[model.dataset].split_sizes[job["split"]])
    first, last = study.likelihood.shard_range(int(job["shard"]), split, model.diffusion.timesteps)
    return last - first


def _train(study: Study, job: Job) -> Work:
    return Work(job["model"], steps=study.model(job["model"]).training.steps)


def _sample(study: Study, job: Job) -> Work:
    model = study.model(job["model"])
    images = shard_images(study, int(job["shard"]))
    return Work(job["model"], evaluations=sampling_evaluations(study, model, images))


def _bound(study: Study, job: Job) -> Work:
    model, likelihood = study.model(job["model"]), study.likelihood
    timesteps = model.diffusion.timesteps
    group = likelihood.group_size(timesteps)
    groups = -(-bound_images(study, job) // group)
    calls = -(-group * timesteps // likelihood.batch_size)
    return Work(job["model"], evaluations=groups * calls * likelihood.batch_size)


def _checkpoint(study: Study, job: Job) -> Work:
    model = study.model(job["model"])
    images = model.checkpoints.images
    return Work(job["model"], evaluations=sampling_evaluations(study, model, images), features=images)


def _chain(study: Study, job: Job) -> Work:
    figure = job["figure"]
    name, settings = study.artefacts.models_of(figure)[0], study.artefacts.chosen[figure]
    timesteps = study.model(name).diffusion.timesteps
    if isinstance(settings, InterpolationSettings):
        # 11 values of lambda, each with its own reverse process.
        return Work(name, evaluations=len(settings.pairs) * sum(settings.steps) * 11)
    shared = sum(settings.t) * settings.samples if isinstance(settings, SharedLatentsSettings) else 0
    return Work(name, evaluations=timesteps + shared)


def _quality(study: Study, job: Job) -> Work:
    images = study.sampling.images
    if study.quality.features.kind == "classifier":
        images += sum(_split_sizes(study, job).values())
    return Work(features=images)


def _progressive(study: Study, job: Job) -> Work:
    return Work(features=study.sampling.images * study.sampling.progressive_columns)


def _reference(study: Study, job: Job) -> Work:
    sizes = _split_sizes(study, job)
    # Both splits, the test images with noise, and two sets of noise as large as the training split.
    return Work(features=3 * sizes["train"] + 2 * sizes["test"])


def _neighbours(study: Study, job: Job) -> Work:
    model = study.artefacts.models_of(job["figure"])[0]
    return Work(features=study.datasets[study.model(model).dataset].split_sizes["train"])


def _features(study: Study, job: Job) -> Work:
    features = study.quality.features
    if features.kind != "classifier":
        return Work()
    # A gradient step costs three times the forward pass.
    return Work(features=3 * features.epochs * study.datasets[features.dataset].split_sizes["train"])


def _split_sizes(study: Study, job: Job) -> dict[str, int]:
    dataset = study.model(job["model"]).dataset if job.has("model") else job["dataset"]
    return study.datasets[dataset].split_sizes


def _statistics_seconds(study: Study, job: Job) -> float:
    if study.quality.features.kind == "classifier":
        return 0.0
    if job.rule == "progressive":
        return STATISTICS_SECONDS_PER_SET * study.sampling.progressive_columns
    if job.rule == "checkpoint":
        return STATISTICS_SECONDS_PER_SET
    return INCEPTION_STATISTICS_SECONDS.get(job.rule, 0.0)


_COUNTED: dict[str, Callable[[Study, Job], Work]] = {
    "train": _train,
    "sample": _sample,
    "bound": _bound,
    "checkpoint": _checkpoint,
    "chain": _chain,
    "quality": _quality,
    "progressive": _progressive,
    "reference": _reference,
    "neighbours": _neighbours,
    "features": _features,
}
