"""A model as the configs and weights of a diffusers pipeline, or the reason why it cannot be one.

What is written was compared with the sources of diffusers of the version below (UNet2DModel, DDPMScheduler,
DDPMPipeline); diffusers itself is not needed.
"""

from __future__ import annotations

from typing import Any

from torch import Tensor

from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.published.config import accepted_values
from ddpm.network.published.names import diffusers_name
from ddpm.network.published.settings import PREDICTIONS, SCHEDULES, VARIANCES
from ddpm.network.unet import UNet
from ddpm.study.models import DiffusionSettings, NetworkSettings

DIFFUSERS_VERSION = "0.42.1"
MODEL_INDEX: dict[str, Any] = {
    "_class_name": "DDPMPipeline",
    "_diffusers_version": DIFFUSERS_VERSION,
    "scheduler": ["diffusers", "DDPMScheduler"],
    "unet": ["diffusers", "UNet2DModel"],
}


def inexpressible(network: NetworkSettings, diffusion: DiffusionSettings) -> str:
    """Why diffusers has no pipeline for a model, and what can be done; "" if it has one."""
    if diffusion.prediction not in PREDICTIONS:
        return (
            "diffusion.prediction: diffusers' DDPMScheduler takes a network's output for epsilon, "
            "x_0 or v, and has no prediction of mu-tilde; export a model with `prediction: epsilon` or `x0`"
        )
    if diffusion.variance not in VARIANCES:
        return (
            "diffusion.variance: a learned variance is the log-variance itself here; diffusers' "
            "DDPMScheduler takes the same channels for a variance (`learned`) or for a place "
            "between beta-tilde and beta (`learned_range`); export a model with a fixed variance"
        )
    if network.channel_multipliers[0] != 1:
        return (
            f"network.channel_multipliers: the first level is {network.channel_multipliers[0]} "
            "times as wide as the first convolution, and in diffusers' UNet2DModel they are equally "
            "wide; export a model whose first multiplier is 1"
        )
    return ""


def unet_config(network: UNet, dropout: float) -> dict[str, Any]:
    """The config.json of a UNet2DModel with the same outputs."""
    values = {key: accepted[0] for key, accepted in accepted_values(network).items()}
    return {
        "_class_name": "UNet2DModel",
        "_diffusers_version": DIFFUSERS_VERSION,
        **values,
        "dropout": dropout,
    }


def unet_weights(network: UNet) -> dict[str, Tensor]:
    """Its weights under the names of UNet2DModel, float32 on the CPU."""
    state, levels = network.state_dict(), len(network.down)
    return {diffusers_name(key, levels): tensor.float().cpu().contiguous() for key, tensor in state.items()}


def scheduler_config(diffusion: DiffusionSettings) -> dict[str, Any]:
    """The scheduler_config.json of a DDPMScheduler with the same reverse process, x_0-hat clipped."""
    start, end = diffusion.beta_start, diffusion.beta_end
    betas = None
    if diffusion.schedule == "constant":
        kind, start = SCHEDULES["linear"], end
    elif diffusion.schedule in SCHEDULES:
        kind = SCHEDULES[diffusion.schedule]
    else:
        kind = SCHEDULES["linear"]
        betas = beta_schedule(diffusion.schedule, start, end, diffusion.timesteps).tolist()
    return {
        "_class_name": "DDPMScheduler",
        "_diffusers_version": DIFFUSERS_VERSION,
        "num_train_timesteps": diffusion.timesteps,
        "beta_schedule": kind,
        "beta_start": start,
        "beta_end": end,
        "trained_betas": betas,
        "prediction_type": PREDICTIONS[diffusion.prediction],
        "variance_type": VARIANCES[diffusion.variance],
        "clip_sample": True,
        "clip_sample_range": 1.0,
        "thresholding": False,
        "timestep_spacing": "leading",
        "steps_offset": 0,
        "rescale_betas_zero_snr": False,
    }
