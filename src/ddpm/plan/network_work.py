"""The work of jobs that train a network or evaluate it."""

from __future__ import annotations

import math

from ddpm.artefacts.figures.figure7 import SharedLatentsSettings
from ddpm.artefacts.figures.interpolation import InterpolationSettings
from ddpm.graph.sources import split_sizes
from ddpm.plan.amounts import STATISTICS_OF_SET, Work, statistics, weights_bytes
from ddpm.plan.jobs import Job
from ddpm.plan.network_cost import FLOAT_BYTES
from ddpm.study import Study


def train(study: Study, job: Job) -> Work:
    """A training run, with the checkpoints that it keeps."""
    settings, kept = study.model(job["model"]), study.model(job["model"]).checkpoints.steps
    size = (1 + len(kept)) * weights_bytes(study, job["model"])
    return Work(job["model"], steps=settings.training.steps, bytes=size)


def copied_weights(study: Study, job: Job) -> Work:
    """Weights imported, or chosen among checkpoints."""
    return Work(bytes=weights_bytes(study, job["model"]))


def checkpoint(study: Study, job: Job) -> Work:
    """Samples of one checkpoint, and their FID."""
    model = study.model(job["model"])
    images = model.checkpoints.images
    evaluations = _sampling_evaluations(study, job["model"], images)
    seconds = statistics(study, STATISTICS_OF_SET)
    return Work(job["model"], evaluations=evaluations, features=images, seconds=seconds)


def sample(study: Study, job: Job) -> Work:
    """One shard of samples, all images of which are kept."""
    model, sampling = study.model(job["model"]), study.sampling_of(job["model"])
    size = sampling.batch_size * sampling.batches_per_shard
    images = max(0, min(size, sampling.images - int(job["shard"]) * size))
    arrays = 1 + (sampling.progressive_columns if study.keeps_progress(job["model"]) else 0)
    shape = study.datasets[model.dataset].image_shape
    evaluations = 0 if model.samples else _sampling_evaluations(study, job["model"], images)
    return Work(job["model"], evaluations=evaluations, bytes=images * math.prod(shape) * arrays)


def respaced(study: Study, job: Job) -> Work:
    """Samples in fewer steps, and their FID; no image is kept."""
    images = study.respaced_images(job["model"])
    evaluations = _sampling_evaluations(study, job["model"], images, int(job["steps"]))
    seconds = statistics(study, STATISTICS_OF_SET)
    return Work(job["model"], evaluations=evaluations, features=images, seconds=seconds)


def _sampling_evaluations(study: Study, model: str, images: int, steps: int | None = None) -> int:
    """Network inputs for so many finished samples, in whole batches; None: in the study's own steps."""
    sampling, batch = study.sampling_of(model), study.sampling_of(model).batch_size
    steps = sampling.reverse_steps(study.model(model).diffusion.timesteps) if steps is None else steps
    return -(-images // batch) * batch * steps


def chain(study: Study, job: Job) -> Work:
    """The reverse processes that a figure shows."""
    figure = job["figure"]
    name, settings = study.artefacts.models_of(figure)[0], study.artefacts.chosen[figure]
    timesteps = study.model(name).diffusion.timesteps
    if isinstance(settings, InterpolationSettings):
        # 11 values of lambda, each with its own reverse process.
        return Work(name, evaluations=len(settings.pairs) * sum(settings.steps) * 11)
    shared = sum(settings.t) * settings.samples if isinstance(settings, SharedLatentsSettings) else 0
    return Work(name, evaluations=timesteps + shared)


def bound(study: Study, job: Job) -> Work:
    """The terms of the bound of one shard of images."""
    model, likelihood = study.model(job["model"]), study.likelihood
    timesteps = model.diffusion.timesteps
    split = likelihood.evaluated(split_sizes(study, model.dataset)[job["split"]])
    first, last = likelihood.shard_range(int(job["shard"]), split, timesteps)
    group = likelihood.group_size(timesteps)
    calls = -(-(last - first) // group) * -(-group * timesteps // likelihood.batch_size)
    terms_and_errors = 2
    size = (last - first) * timesteps * terms_and_errors * FLOAT_BYTES
    return Work(job["model"], evaluations=calls * likelihood.batch_size, bytes=size)


def schedule(study: Study, job: Job) -> Work:
    """Training images at the times where x_0's bits are measured, and at those of the code."""
    model, compression = study.model(job["model"]), study.compression
    settings, timesteps = compression.schedules[job["schedule"]], model.diffusion.timesteps
    steps = settings.steps if isinstance(settings.steps, int) else min(timesteps, 100)
    calls = min(timesteps, 32) + (steps if settings.mode == "progressive" else 0)
    return Work(job["model"], evaluations=calls * compression.training_images)


def coding(study: Study, job: Job) -> Work:
    """Test images there and back, at the times of the code."""
    model, compression = study.model(job["model"]), study.compression
    steps, timesteps = compression.schedules[job["schedule"]].steps, model.diffusion.timesteps
    images = compression.coded(split_sizes(study, model.dataset)["test"])
    latents = timesteps if steps == "all" else steps or min(timesteps, 100)
    return Work(job["model"], evaluations=2 * images * latents)
