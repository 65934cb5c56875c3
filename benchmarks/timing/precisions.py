"""What a precision changes: the same seeds trained, sampled and measured in each, and the gradients."""

from __future__ import annotations

import copy
import itertools
from typing import Any

import torch
from timing.networks import TIMESTEPS, NetworkShape
from timing.ours import (
    Sampling,
    bound_of_pairs,
    build_network,
    diffusion_process,
    evaluated_network,
    one_update,
    training_run,
)
from timing.setting import Setting
from torch import Tensor

from ddpm.diffusion.objectives import training_losses
from ddpm.network.unet import UNet
from ddpm.training.loop import Training

SHORT: dict[str, Any] = {"ema_decay": 0.99, "ema_ramp": True}


def short_run(setting: Setting, images: Tensor | None) -> Training:
    """A run whose average of weights forgets its beginning; of random images if there are none."""
    return training_run(setting, images, **SHORT)


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


def evaluated(network: UNet, setting: Setting, reverse_steps: int, images: Tensor | None) -> dict[str, Any]:
    """Statistics of samples and of the bound in a precision, with the same seeds in each.

    Args:
        network: of float32; it is left as it is.
        setting: as which it is evaluated.
        reverse_steps: of the samples, from t = T down.
        images: whose bound is estimated, uint8 [at least B, C, H, W]; None for random ones.
    """
    one = evaluated_network(setting, copy.deepcopy(network))
    sampling = Sampling(diffusion_process(setting.device), one, setting)
    for _ in range(reverse_steps):
        sampling()
    x = sampling.x
    bound = bound_of_pairs(diffusion_process(setting.device), one, setting, images)
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
    """Loss curves of the same run in each precision, and one run's weights evaluated in each."""
    settings = {
        precision: Setting(shape, batch, device, precision) for precision in ("float32", "tf32", "bfloat16")
    }
    report: dict[str, Any] = {"updates": updates, "reverse_steps": min(reverse_steps, TIMESTEPS)}
    report["loss_of_tenths"] = {}
    for precision, setting in settings.items():
        run = short_run(setting, images)
        report["loss_of_tenths"][precision] = loss_of_tenths(run, updates)
        if precision == "float32":
            weights = averaged(run, shape)
    report["evaluated"] = {
        precision: evaluated(weights, setting, report["reverse_steps"], images)
        for precision, setting in settings.items()
    }
    return report


def gradients_compared(
    shape: NetworkShape, batch: int, device: str, precision: str, compiled: bool
) -> dict[str, Any]:
    """Gradients of one update against eager float32's, relative, of all parameters and of GroupNorm's.

    Compiled kernels of GroupNorm, channels last and in bfloat16, have given wrong gradients without a word
    in some releases of torch; a comparison with eager bfloat16 tells rounding from error.
    """
    exact = _gradients(Setting(shape, batch, device))
    found = _gradients(Setting(shape, batch, device, precision, compiled))
    eager = _gradients(Setting(shape, batch, device, precision)) if compiled else found
    errors = {name: _difference(found[name], exact[name]) for name in exact}
    norms = {name: error for name, error in errors.items() if "norm" in name}
    worst = max(norms, key=lambda name: norms[name])
    return {
        "all": _difference(_joined(found), _joined(exact)),
        "all_against_eager": _difference(_joined(found), _joined(eager)),
        "group_norm_worst": {
            "name": worst,
            "error": norms[worst],
            "eager": _difference(eager[worst], exact[worst]),
        },
        "group_norm_mean": sum(norms.values()) / len(norms),
    }


def _gradients(setting: Setting) -> dict[str, Tensor]:
    """The gradient of the mean loss of the first batch, unclipped, in float64 on the CPU."""
    run = training_run(setting)
    batch = run.batches[0]
    run.dropout.fill(0, batch.first, len(batch.x_0), run.device)
    losses = training_losses(run.process, run.network, run.loss, batch.x_0, batch.index, batch.noise)
    losses.mean().backward()
    views = run.parameters.views(run.parameters.gradient)
    return {name: view.detach().double().cpu() for name, view in views.items()}


def _joined(tensors: dict[str, Tensor]) -> Tensor:
    return torch.cat([tensor.reshape(-1) for tensor in tensors.values()])


def _difference(found: Tensor, wanted: Tensor) -> float:
    """Relative to the norm of what is wanted."""
    return float((found - wanted).norm() / wanted.norm().clamp(min=1e-30))
