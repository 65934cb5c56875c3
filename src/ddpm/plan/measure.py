"""Speed of the machine at hand: a few training steps and network calls of each network, within a minute."""

from __future__ import annotations

import dataclasses
import math
import statistics
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import torch

from ddpm.diffusion.sampler import reverse_process
from ddpm.model import build_diffusion, build_network
from ddpm.network.execution import Execution
from ddpm.plan.cost import Speed, features_flops, training_flops
from ddpm.plan.network_cost import model_cost
from ddpm.progress import Progress
from ddpm.records.provenance import hardware
from ddpm.sampling.shards import initial_noise, step_noise
from ddpm.study import Study
from ddpm.training.batches import Batch
from ddpm.training.loop import Training

BUDGET_SECONDS = 40.0
MOST_REPEATS = 10
# On a processor, batches whose call would take longer than this are measured smaller and scaled.
LONGEST_CALL_SECONDS = 10.0
PROBE_BATCH = 2


def measured_speed(study: Study, models: Sequence[str], device: str, budget: float = BUDGET_SECONDS) -> Speed:
    """Measures each distinct network with its batch size; models that share them share the measurement.

    Args:
        study: the study.
        models: those whose speed is needed, at least one.
        device: "cpu" or "cuda".
        budget: seconds for all calls together; warm-up and the first call of each are made in any case.
    """
    groups: dict[Any, list[str]] = {}
    for name in models:
        groups.setdefault(_alike(study, name, device), []).append(name)
    steps: dict[str, float] = {}
    evaluations: dict[str, float] = {}
    notes = [f"Measured on {hardware(device)}, as busy as it was just now; medians."]
    with Progress("measure this machine", 2 * len(groups), "speeds") as progress:
        for names in groups.values():
            step, evaluation, note = _measured(study, names[0], device, budget / (2 * len(groups)), progress)
            steps |= dict.fromkeys(names, step)
            evaluations |= dict.fromkeys(names, evaluation)
            notes.append(note)
    rate = max(model_cost(study, name).flops / seconds for name, seconds in evaluations.items())
    features = features_flops(study) / rate
    notes.append(
        f"Feature extractor: {features:.2g} s an image, from its number of operations; not measured."
    )
    return Speed(hardware(device), steps, evaluations, features, tuple(notes))


def _measured(
    study: Study, model: str, device: str, share: float, progress: Progress
) -> tuple[float, float, str]:
    """Seconds of a training step and of a network input, and the two in words."""
    training, calls = _training(study, model, device), study.sampling_of(model).batch_size
    batch, parts = training.settings.batch_size, math.prod(_parts(study, model, device).values())
    step = timed(lambda size: _training_steps(training, size), batch, parts, device, share)
    progress.advance()
    call = timed(lambda size: _sampling_steps(study, training, size), calls, 1, device, share)
    progress.advance()
    seconds, evaluation = step.seconds * batch / step.batch, call.seconds / call.batch
    rate = training_flops(study, model) / seconds
    note = (
        f"{model}: {seconds:.3g} s for a training step of batch {batch} ({step.text(batch)}; "
        f"{rate / 1e9:,.0f} GFLOP/s); {evaluation:.3g} s for an image forward ({call.text(calls)})."
    )
    return seconds, evaluation, note


def _alike(study: Study, model: str, device: str) -> Any:
    """Equal for models that are measured together: learned variance is a few output channels more."""
    settings = study.model(model)
    shape, training = study.datasets[settings.dataset].image_shape, settings.training
    parts = _parts(study, model, device)
    batch = training.batch_size, training.activation_checkpointing, tuple(parts.values())
    return settings.network.model_dump_json(), shape, batch


def _parts(study: Study, model: str, device: str) -> dict[str, int]:
    """Settings that have a batch computed in parts; to a processor, small parts take no longer than one."""
    training = study.model(model).training
    names = "gradient_clip_shards", "gradient_accumulation"
    return {name: 1 if device == "cpu" else getattr(training, name) for name in names}


def _training(study: Study, model: str, device: str) -> Training:
    settings = study.model(model)
    shape = study.datasets[settings.dataset].image_shape
    images = torch.randint(256, (settings.training.batch_size, *shape), dtype=torch.uint8)
    network = build_network(study, model, seed=0).to(device)
    diffusion = build_diffusion(study, model).to(device)
    optimisation = settings.training.model_copy(update=_parts(study, model, device))
    return Training(network, diffusion, settings.diffusion.loss, optimisation, images.to(device), seed=0)


def _training_steps(training: Training, size: int) -> Iterator[None]:
    """Training steps on the first `size` images of each batch, one at a time."""
    training.network.train()
    while True:
        whole = training.batches[training.updates]
        training.update(Batch(whole.x_0[:size], whole.t[:size], whole.noise[:size]))
        yield


def _sampling_steps(study: Study, training: Training, size: int) -> Iterator[None]:
    """Reverse steps of `size` images, one at a time; they start again when the chain is finished."""
    network, diffusion = training.network.eval(), training.diffusion
    Execution(study.sampling.precision).apply(network)
    shape = training.network.image_shape
    image = torch.arange(size, device=diffusion.beta.device)
    while True:
        x = initial_noise(0, image, diffusion.timesteps, shape)
        for _ in reverse_process(
            diffusion, network, x, diffusion.timesteps, lambda step: step_noise(0, image, step, shape)
        ):
            yield


@dataclasses.dataclass(frozen=True)
class Timing:
    """Median seconds of a call on `batch` images, over `repeats` calls."""

    seconds: float
    batch: int
    repeats: int

    def text(self, full: int) -> str:
        """The timing in words; `full` is the batch size that the study has."""
        scaled = f", scaled linearly to {full}" if self.batch != full else ""
        plural = "s" if self.repeats > 1 else ""
        return f"{self.repeats} call{plural} on {self.batch} images{scaled}"


def timed(
    steps: Callable[[int], Iterator[None]], full: int, multiple: int, device: str, budget: float
) -> Timing:
    """Median time of a call after one for warm-up, on a smaller batch where the full one takes too long.

    Args:
        steps: gives an endless iterator of calls on a batch of some size.
        full: the batch size that is wanted.
        multiple: the batch must be a multiple of it, which divides `full`.
        device: "cpu" or "cuda".
        budget: seconds for all calls; two of the smallest size are made in any case.
    """
    started = time.monotonic()
    batch = full
    if device == "cpu":
        batch = max(multiple, min(PROBE_BATCH, full))
        calls = steps(batch)
        next(calls)
        probe = _call_seconds(calls, device)
        left = budget - (time.monotonic() - started)
        # As large as lets the warm-up and three calls fit into what is left.
        fitting = int(min(left / 4, LONGEST_CALL_SECONDS) / probe * batch)
        if fitting <= batch:
            return Timing(probe, batch, 1)
        batch = min(full, fitting // multiple * multiple)
    calls = steps(batch)
    next(calls)
    times = [_call_seconds(calls, device)]
    while len(times) < MOST_REPEATS and time.monotonic() - started < budget:
        times.append(_call_seconds(calls, device))
    return Timing(statistics.median(times), batch, len(times))


def _call_seconds(calls: Iterator[None], device: str) -> float:
    _wait(device)
    started = time.perf_counter()
    next(calls)
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
