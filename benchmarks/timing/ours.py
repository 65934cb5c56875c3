"""This project's steps, driven as its commands drive them."""

from __future__ import annotations

import dataclasses
from typing import Any

import torch
from timing.setting import BETAS, TIMESTEPS, NetworkShape, Prepared, Setting, made_up_images
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.device import keep_freed_memory
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.sampler import ancestral_step
from ddpm.diffusion.schedule import beta_schedule
from ddpm.evaluation.bound_terms import pair_terms
from ddpm.network.execution import Execution, round_weights
from ddpm.network.unet import UNet
from ddpm.sampling.shards import initial_noise, step_noise
from ddpm.training.loop import Training


@dataclasses.dataclass(frozen=True)
class Optimisation:
    """What `Training` reads of `ddpm.study.models.TrainingSettings`, with its defaults, without pydantic.

    Without warm-up, so that the first update changes weights; a test keeps the rest in step.
    """

    steps: int = 800_000
    batch_size: int = 128
    learning_rate: float = 2e-4
    warmup_steps: int = 0
    gradient_clip: float | None = 1.0
    gradient_clip_shards: int = 1
    ema_decay: float = 0.9999
    ema_ramp: bool = False
    flip: bool = True
    log_every: int = 1000
    precision: str = "float32"
    compiled: bool = False
    gradient_accumulation: int = 1
    activation_checkpointing: bool = False
    save_every_minutes: float = 10.0


def load() -> None:
    """Settles memory as the `ddpm` command does at its start; holds for other sides in this process too."""
    keep_freed_memory()


def prepare(step: str, setting: Setting) -> Prepared:
    """A step of `timing.setting.STEPS` with this project's network."""
    if step == "training":
        training = training_run(setting)
        return Prepared(lambda: one_update(training), training.network)
    network, process = evaluated_network(setting), diffusion_process(setting.device)
    if step == "sampling":
        return Prepared(Sampling(process, network, setting), network)
    return Prepared(lambda: bound_of_pairs(process, network, setting), network)


def build_network(shape: NetworkShape) -> UNet:
    """The U-Net with initial weights, on the CPU."""
    return UNet(
        shape.image_shape,
        shape.channels,
        shape.channel_multipliers,
        shape.residual_blocks,
        shape.attention_resolutions,
        dropout=shape.dropout,
        groups=shape.groups,
        seed=0,
    )


def diffusion_process(device: str) -> GaussianDiffusion:
    """The paper's: T = 1000, linear schedule, epsilon, variance beta_t."""
    return GaussianDiffusion(
        beta_schedule("linear", *BETAS, TIMESTEPS), prediction="epsilon", variance="fixed_large"
    ).to(device)


def training_run(setting: Setting, images: Tensor | None = None, **changes: Any) -> Training:
    """A run at its first update.

    Args:
        setting: network, batch, device, precision.
        images: uint8 [N, C, H, W] on the device; None for random ones.
        changes: of `Optimisation`.
    """
    network = build_network(setting.shape).to(setting.device).train()
    if images is None:
        images = made_up_images(setting.shape, 4 * setting.batch, setting.device)
    settings: Any = Optimisation(
        batch_size=setting.batch,
        precision=setting.precision,
        compiled=setting.compiled,
        activation_checkpointing=setting.checkpointing,
        **changes,
    )
    return Training(network, diffusion_process(setting.device), "mse", settings, images, seed=0)


def one_update(training: Training) -> Tensor:
    """Draws the next batch and updates; returns the sum of losses so far, a float64 scalar on the device."""
    training.update(training.batches[training.updates])
    return training.curve.accumulated[0][0]


def evaluated_network(setting: Setting, network: UNet | None = None) -> UNet:
    """The network as `ddpm.model.load_model` readies it for evaluation."""
    network = build_network(setting.shape) if network is None else network
    network.to(torch.device(setting.device)).eval().requires_grad_(False)
    Execution(setting.precision, setting.compiled).apply(network)
    round_weights(network)
    return network


class Sampling:
    """Steps of the reverse process from t = T down, over and over."""

    def __init__(self, process: GaussianDiffusion, network: UNet, setting: Setting) -> None:
        self.process, self.network, self.shape = process, network, setting.shape.image_shape
        self.images = torch.arange(setting.batch, device=setting.device)
        self.x = initial_noise(0, self.images, TIMESTEPS, self.shape)
        self.step = TIMESTEPS - 1

    @torch.no_grad()
    def __call__(self) -> Tensor:
        """x_{t-1} of all images, float32 [B, C, H, W]."""
        noise = step_noise(0, self.images, self.step, self.shape)
        self.x = ancestral_step(self.process, self.network, self.x, self.step, noise).x
        self.step = (self.step - 1) % TIMESTEPS
        return self.x


@torch.no_grad()
def bound_of_pairs(
    process: GaussianDiffusion, network: Any, setting: Setting, pixels: Tensor | None = None
) -> Tensor:
    """Terms of the bound of a batch of images, each at another t from 1 to T, bits/dim, float32 [B].

    Args:
        process: the diffusion process.
        network: takes x_t [B, C, H, W] and t - 1 [B].
        setting: batch and device.
        pixels: uint8 [at least B, C, H, W] on the device; None for random ones.
    """
    if pixels is None:
        pixels = made_up_images(setting.shape, setting.batch, setting.device)
    image = torch.arange(setting.batch, device=setting.device)
    index = image * TIMESTEPS // setting.batch
    return pair_terms(process, network, to_model(pixels[: setting.batch]), index, image, 0)[0]
