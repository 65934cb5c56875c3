"""What a precision changes: the same seeds trained, sampled and measured in each."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
from timing.ours import (
    Sampling,
    bound_of_pairs,
    build_network,
    diffusion_process,
    evaluated_network,
    one_update,
    training_run,
)
from timing.setting import TIMESTEPS, NetworkShape, Setting
from torch import Tensor

from ddpm.network.unet import UNet
from ddpm.training.loop import Training


def short_run(setting: Setting, images: Tensor | None) -> Training:
    """A run whose average of weights forgets its beginning; of random images if there are none."""
    return training_run(setting, images, ema_decay=0.99, ema_ramp=True)


def loss_of_tenths(run: Training, updates: int) -> list[float]:
    """Makes so many updates, at least 10, and returns the mean loss of each tenth of them."""
    sums = [float(run.curve.accumulated[0][0])]
    for update in range(updates):
        total = one_update(run)
        if (update + 1) * 10 // updates > update * 10 // updates:
            sums.append(float(total))
    tenth = updates / 10
    return [(after - before) / tenth for before, after in itertools.pairwise(sums)]


def averaged(run: Training, shape: NetworkShape) -> UNet:
    """A network of float32 with the averaged weights of a run, on the CPU."""
    network = build_network(shape)
    network.load_state_dict({name: view.cpu() for name, view in run.parameters.views(run.average).items()})
    return network


def samples(network: UNet, setting: Setting, reverse_steps: int) -> Tensor:
    """Images after so many reverse steps from t = T down, float32 [B, C, H, W], with the same seeds always.

    Args:
        network: of float32; it is left as it is.
        setting: as which it is evaluated.
        reverse_steps: at most T.
    """
    evaluated = evaluated_network(setting, copy.deepcopy(network))
    sampling = Sampling(diffusion_process(setting.device), evaluated, setting)
    for _ in range(reverse_steps):
        sampling()
    return sampling.x


def statistics(network: UNet, setting: Setting, x: Tensor, images: Tensor | None) -> dict[str, Any]:
    """Of samples x, and of the bound of images (uint8 [at least B, C, H, W]; None for random ones)."""
    evaluated = evaluated_network(setting, copy.deepcopy(network))
    bound = bound_of_pairs(diffusion_process(setting.device), evaluated, setting, images)
    return {
        "sample_mean": float(x.mean()),
        "sample_deviation": float(x.std()),
        "sample_least": float(x.min()),
        "sample_most": float(x.max()),
        "bits_per_dim": TIMESTEPS * float(bound.double().mean()),
        "finite": bool(torch.isfinite(x).all() and torch.isfinite(bound).all()),
    }


def precisions_compared(
    shape: NetworkShape, batch: int, device: str, images: Tensor | None, updates: int, reverse_steps: int
) -> dict[str, Any]:
    """Loss curves of the same run in each precision, and the float32 run's weights evaluated in each."""
    report: dict[str, Any] = {"updates": updates, "reverse_steps": reverse_steps}
    losses, evaluated = report["loss_of_tenths"], report["evaluated"] = {}, {}
    for precision in ("float32", "tf32", "bfloat16"):
        setting = Setting(shape, batch, device, precision)
        run = short_run(setting, images)
        losses[precision] = loss_of_tenths(run, updates)
        if precision == "float32":
            weights = averaged(run, shape)
        x = samples(weights, setting, reverse_steps)
        evaluated[precision] = statistics(weights, setting, x, images)
    return report
