"""diffusers' UNet2DModel with the paper's settings and its DDPMScheduler, driven as its users do.

Adam, gradient clipping and the average of the weights are torch's, as in diffusers' examples. It computes no
bound: the likelihood step is its network under this project's.
"""

from __future__ import annotations

import contextlib
from typing import Any

import torch
from timing.ours import Optimisation, bound_of_pairs, diffusion_process
from timing.setting import BETAS, TIMESTEPS, NetworkShape, Prepared, Setting, made_up_images
from torch import Tensor, nn

from ddpm.evaluation.torchvision_import import prepare_torchvision


def load() -> None:
    """Imports diffusers.

    Raises:
        ImportError: it is not installed.
    """
    prepare_torchvision()
    from diffusers import DDPMScheduler, UNet2DModel  # noqa: F401


def prepare(step: str, setting: Setting) -> Prepared:
    """A step of `timing.setting.STEPS`."""
    from diffusers import UNet2DModel

    # Left to other sides in the same process.
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = setting.precision == "tf32"
    network: Any = UNet2DModel(**config(setting.shape))
    network.to(setting.device)
    if step == "training":
        return Prepared(_Training(network, setting), network)
    # As a pipeline that is loaded with `torch_dtype` does.
    dtype = torch.bfloat16 if setting.precision == "bfloat16" else torch.float32
    network.to(dtype).eval().requires_grad_(False)
    if step == "sampling":
        return Prepared(_Sampling(network, setting, dtype), network)
    process = diffusion_process(setting.device)

    def noise(x_t: Tensor, index: Tensor) -> Tensor:
        return network(x_t.to(dtype), index).sample.float()

    def likelihood() -> Tensor:
        with _in_precision(setting):
            return bound_of_pairs(process, noise, setting)

    return Prepared(likelihood, network)


def config(shape: NetworkShape) -> dict[str, Any]:
    """UNet2DModel's arguments for a network; those of google/ddpm-cifar10-32 besides its sizes."""
    kinds = ["Attn" if attends else "" for attends in shape.attends]
    return {
        "sample_size": shape.image_shape[1],
        "in_channels": shape.image_shape[0],
        "out_channels": shape.image_shape[0],
        "block_out_channels": tuple(shape.channels * multiple for multiple in shape.channel_multipliers),
        "layers_per_block": shape.residual_blocks,
        "down_block_types": tuple(f"{kind}DownBlock2D" for kind in kinds),
        "up_block_types": tuple(f"{kind}UpBlock2D" for kind in reversed(kinds)),
        "norm_num_groups": shape.groups,
        "dropout": shape.dropout,
        "norm_eps": 1e-6,
        "downsample_padding": 0,
        "flip_sin_to_cos": False,
        "freq_shift": 1,
        "attention_head_dim": None,
    }


def _scheduler() -> Any:
    """The paper's process as a DDPMScheduler, whose methods have no types."""
    from diffusers import DDPMScheduler

    made: Any = DDPMScheduler(
        num_train_timesteps=TIMESTEPS,
        beta_start=BETAS[0],
        beta_end=BETAS[1],
        beta_schedule="linear",
        variance_type="fixed_large",
        clip_sample=True,
    )
    made.set_timesteps(TIMESTEPS)
    return made


def _in_precision(setting: Setting) -> contextlib.AbstractContextManager[object]:
    """torch's autocast for bfloat16, nothing otherwise."""
    return torch.autocast(setting.device, torch.bfloat16, enabled=setting.precision == "bfloat16")


class _Training:
    """Algorithm 1 as in diffusers' examples."""

    def __init__(self, network: Any, setting: Setting) -> None:
        self.network, self.scheduler, self.setting = network.train(), _scheduler(), setting
        self.settings = Optimisation()
        self.images = made_up_images(setting.shape, 4 * setting.batch, setting.device)
        self.weights: list[Tensor] = list(network.parameters())
        self.adam = torch.optim.Adam(self.weights, lr=self.settings.learning_rate)
        self.average = [weight.detach().clone() for weight in self.weights]

    def __call__(self) -> Tensor:
        """One update; returns the loss."""
        with _in_precision(self.setting):
            x_0 = self._images()
            noise = torch.randn_like(x_0)
            index = torch.randint(TIMESTEPS, (len(x_0),), device=x_0.device)
            output = self.network(self.scheduler.add_noise(x_0, noise, index), index).sample
            loss = nn.functional.mse_loss(output.float(), noise)
        self.adam.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.weights, self.settings.gradient_clip or torch.inf)
        self.adam.step()
        with torch.no_grad():
            torch._foreach_lerp_(self.average, self.weights, 1 - self.settings.ema_decay)
        return loss.detach()

    def _images(self) -> Tensor:
        """A batch of images, mirrored at random, in [-1, 1]."""
        device, size = self.setting.device, self.setting.batch
        x_0 = self.images[torch.randint(len(self.images), (size,), device=device)].float() / 127.5 - 1
        mirrored = torch.rand(size, 1, 1, 1, device=device) < 0.5
        return torch.where(mirrored, x_0.flip(-1), x_0)


class _Sampling:
    """Steps of the reverse process from t = T down, over and over."""

    def __init__(self, network: Any, setting: Setting, dtype: torch.dtype) -> None:
        self.network, self.scheduler, self.setting, self.dtype = network, _scheduler(), setting, dtype
        self.x = torch.randn(setting.batch, *setting.shape.image_shape, device=setting.device)
        self.step = TIMESTEPS - 1

    @torch.no_grad()
    def __call__(self) -> Tensor:
        """x_{t-1} of all images, [B, C, H, W]."""
        with _in_precision(self.setting):
            output = self.network(self.x.to(self.dtype), self.step).sample
            self.x = self.scheduler.step(output.float(), self.step, self.x).prev_sample
        self.step = (self.step - 1) % TIMESTEPS
        return self.x
