"""diffusers: UNet2DModel with the paper's settings, and DDPMScheduler."""

from __future__ import annotations

from typing import Any

import torch
from timing.networks import BETAS, TIMESTEPS, NetworkShape
from timing.peer_steps import prepare as prepare_peer
from timing.setting import Prepared, Setting
from torch import Tensor, nn

from ddpm.torchvision_import import prepare_torchvision


def load() -> None:
    """Imports diffusers.

    Raises:
        ImportError: it is not installed.
    """
    prepare_torchvision()
    from diffusers import DDPMScheduler, UNet2DModel  # noqa: F401


def prepare(step: str, setting: Setting) -> Prepared:
    """A step of `timing.setting.STEPS`."""
    return prepare_peer(step, setting, Diffusers)


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


def scheduler() -> Any:
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
    return made


class Diffusers:
    """A `timing.peer_steps.Peer`."""

    def __init__(self, setting: Setting) -> None:
        from diffusers import UNet2DModel

        self.network: Any = UNet2DModel(**config(setting.shape))
        self.scheduler = scheduler()
        self.scheduler.set_timesteps(TIMESTEPS)
        self.dtype = torch.float32

    def loss(self, x_0: Tensor) -> Tensor:
        """Mean squared error of the predicted noise."""
        noise = torch.randn_like(x_0)
        index = torch.randint(TIMESTEPS, (len(x_0),), device=x_0.device)
        x_t = self.scheduler.add_noise(x_0, noise, index)
        return nn.functional.mse_loss(self.network(x_t, index).sample.float(), noise)

    def reverse(self, x_t: Tensor, index: int) -> Tensor:
        """x_{t-1}, [B, C, H, W]."""
        output = self.network(x_t.to(self.dtype), index).sample
        return self.scheduler.step(output.float(), index, x_t).prev_sample

    def output(self, x_t: Tensor, index: Tensor) -> Tensor:
        """The predicted noise, float32 [B, C, H, W]."""
        return self.network(x_t.to(self.dtype), index).sample.float()

    def ready_to_evaluate(self, dtype: torch.dtype) -> None:
        """Rounds the weights, as a pipeline that is loaded with `torch_dtype` does."""
        self.dtype = dtype
        self.network.eval()
        if dtype != self.network.dtype:
            self.network.to(dtype)
