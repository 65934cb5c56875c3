"""denoising-diffusion-pytorch: its U-Net at the paper's widths is another network, of 28.5 M parameters.

It normalises by RMS instead of in groups, attends linearly (here fully at the paper's resolution), and
begins with a 7x7 convolution.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from timing.networks import BETAS, TIMESTEPS
from timing.peer_steps import prepare as prepare_peer
from timing.setting import Prepared, Setting, Unavailable
from torch import Tensor, nn

from ddpm.torchvision_import import prepare_torchvision

PEERS = Path(__file__).parents[1] / ".peers"


def load() -> None:
    """Imports the package from where `make bench` installs it.

    Raises:
        Unavailable: it, or what it imports, is not there.
    """
    if PEERS.is_dir() and str(PEERS) not in sys.path:
        sys.path.append(str(PEERS))
    prepare_torchvision()
    try:
        import denoising_diffusion_pytorch  # noqa: F401
    except ImportError as error:
        raise Unavailable(f"{error}; `make bench` installs benchmarks/requirements.txt") from error


def prepare(step: str, setting: Setting) -> Prepared:
    """A step of `timing.setting.STEPS`."""
    return prepare_peer(step, setting, DenoisingDiffusion)


class DenoisingDiffusion:
    """A `timing.peer_steps.Peer`."""

    def __init__(self, setting: Setting) -> None:
        from denoising_diffusion_pytorch import GaussianDiffusion, Unet

        shape = setting.shape
        self.network: nn.Module = Unet(
            shape.channels,
            dim_mults=shape.channel_multipliers,
            channels=shape.image_shape[0],
            dropout=shape.dropout,
            full_attn=shape.attends,
        )
        self.diffusion = GaussianDiffusion(
            self.network,
            image_size=shape.image_shape[1],
            timesteps=TIMESTEPS,
            objective="pred_noise",
            beta_schedule="linear",
            schedule_fn_kwargs={},
            auto_normalize=False,
        ).to(setting.device)
        largest = float(self.diffusion.betas.max())
        if abs(largest - BETAS[1]) > 1e-6:
            raise Unavailable(f"its linear schedule ends at {largest}, not at {BETAS[1]}")

    def loss(self, x_0: Tensor) -> Tensor:
        """Mean squared error of the predicted noise."""
        return self.diffusion(x_0)

    def reverse(self, x_t: Tensor, index: int) -> Tensor:
        """x_{t-1}, [B, C, H, W]."""
        return self.diffusion.p_sample(x_t, index)[0]

    def output(self, x_t: Tensor, index: Tensor) -> Tensor:
        """The predicted noise, float32 [B, C, H, W]."""
        return self.network(x_t, index).float()

    def ready_to_evaluate(self, dtype: torch.dtype) -> None:
        """Leaves rounding to autocast, as its trainer does."""
        self.network.eval()
