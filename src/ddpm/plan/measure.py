"""Speed of the machine at hand: a few training steps and network calls of each network, within a minute."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Sequence
from typing import Any

import torch

from ddpm.diffusion.sampler import reverse_process
from ddpm.model import build_network, build_process
from ddpm.network.execution import Execution
from ddpm.plan.measure_features import measured_features
from ddpm.plan.network_cost import model_cost
from ddpm.plan.speed import ModelSpeed, Speed, features_flops, training_flops
from ddpm.plan.timing import timed
from ddpm.progress import Progress
from ddpm.provenance import hardware
from ddpm.sampling.shards import initial_noise, step_noise
from ddpm.study import Study
from ddpm.study.models import TrainingSettings
from ddpm.training.batches import Batch
from ddpm.training.loop import Training

logger = logging.getLogger("ddpm")

BUDGET_SECONDS = 40.0


def measured_speed(study: Study, models: Sequence[str], device: str, budget: float = BUDGET_SECONDS) -> Speed:
    """Measures each distinct network with its batch size; models that share them share the measurement.

    Args:
        study: the study.
        models: those whose speed is needed.
        device: "cpu" or "cuda".
        budget: seconds for all calls together; warm-up and the first call of each are made in any case.
    """
    groups: dict[Any, list[str]] = {}
    for name in models:
        groups.setdefault(_alike(study, name, device), []).append(name)
    speeds: dict[str, ModelSpeed] = {}
    notes = [f"Measured on {hardware(device)}, as busy as it was just now; medians."]
    share = budget / (2 * len(groups) + 1)
    with Progress("measure this machine", 2 * len(groups) + 1, "speeds") as progress:
        for names in groups.values():
            speed, note = _group_speed(study, names[0], device, share, progress)
            notes.append(note)
            speeds |= {name: _scaled(study, speed, names[0], name) for name in names}
        features, note = _features_seconds(study, speeds, device)
        progress.advance()
    return Speed(hardware(device), speeds, features, (*notes, note))


def _alike(study: Study, model: str, device: str) -> Any:
    """Equal for models that are measured together: learned variance is a few output channels more."""
    settings = study.model(model)
    shape = study.datasets[settings.dataset].image_shape
    parts = _parts(settings.training, device)
    return settings.network.model_dump_json(), shape, settings.training.batch_size, parts


def _parts(training: TrainingSettings, device: str) -> int:
    """Parts of a batch that are clipped apart; a processor takes the same time for small parts as for one."""
    return 1 if device == "cpu" else training.gradient_clip_shards


def _scaled(study: Study, speed: ModelSpeed, measured: str, model: str) -> ModelSpeed:
    ratio = model_cost(study, model).flops / model_cost(study, measured).flops
    return ModelSpeed(speed.step * ratio, speed.evaluation * ratio)


def _group_speed(
    study: Study, model: str, device: str, share: float, progress: Progress
) -> tuple[ModelSpeed, str]:
    settings = study.model(model)
    batch, calls = settings.training.batch_size, study.sampling.batch_size
    training = _training(study, model, device)
    parts = _parts(settings.training, device)
    step = timed(lambda size: _training_steps(training, size), batch, parts, device, share)
    progress.advance()
    evaluation = timed(lambda size: _sampling_steps(study, training, size), calls, 1, device, share)
    progress.advance()
    speed = ModelSpeed(step.seconds * batch / step.batch, evaluation.seconds / evaluation.batch)
    rate = training_flops(study, model) / speed.step
    note = (
        f"{model}: {speed.step:.3g} s for a training step of batch {batch} ({step.text(batch)}; "
        f"{rate / 1e9:,.0f} GFLOP/s); {speed.evaluation:.3g} s for an image forward "
        f"({evaluation.text(calls)})."
    )
    return speed, note


def _training(study: Study, model: str, device: str) -> Training:
    settings = study.model(model)
    shape = study.datasets[settings.dataset].image_shape
    images = torch.randint(256, (settings.training.batch_size, *shape), dtype=torch.uint8)
    network = build_network(study, model, seed=0).to(device)
    process = build_process(study, model).to(device)
    parts = {"gradient_clip_shards": _parts(settings.training, device)}
    optimisation = settings.training.model_copy(update=parts)
    return Training(network, process, settings.diffusion.loss, optimisation, images.to(device), seed=0)


def _training_steps(training: Training, size: int) -> Iterator[None]:
    """Training steps on the first `size` images of each batch, one at a time."""
    training.network.train()
    while True:
        whole = training.batches[training.updates]
        training.update(Batch(whole.x_0[:size], whole.index[:size], whole.noise[:size]))
        yield


def _sampling_steps(study: Study, training: Training, size: int) -> Iterator[None]:
    """Reverse steps of `size` images, one at a time; they start again when the chain is finished."""
    network, process = training.network.eval(), training.process
    Execution(study.sampling.precision).apply(network)
    shape = training.network.image_shape
    index = torch.arange(size, device=process.beta.device)
    while True:
        x = initial_noise(0, index, process.timesteps, shape)
        for _ in reverse_process(
            process, network, x, process.timesteps, lambda step: step_noise(0, index, step, shape)
        ):
            yield


def _features_seconds(study: Study, speeds: dict[str, ModelSpeed], device: str) -> tuple[float, str]:
    """Seconds of an image through the feature extractor, measured where its weights are there."""
    measured = measured_features(study, device)
    if measured is not None:
        return measured, f"Feature extractor: {measured:.3g} s an image."
    rate = max(model_cost(study, name).flops / speed.evaluation for name, speed in speeds.items())
    seconds = features_flops(study) / rate
    return (
        seconds,
        f"Feature extractor: {seconds:.2g} s an image, from its number of operations; not measured.",
    )
