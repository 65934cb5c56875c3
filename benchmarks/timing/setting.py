"""What is timed: networks as plain settings that every side translates, and prepared steps."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import torch
from torch import Tensor, nn

STEPS = ("training", "sampling", "likelihood")
TIMESTEPS = 1000
BETAS = (1e-4, 0.02)


@dataclasses.dataclass(frozen=True)
class NetworkShape:
    """A U-Net of the paper's family (appendix B).

    Attributes:
        image_shape: channels, height, width.
        channels: of the first level.
        channel_multipliers: one for each level.
        residual_blocks: at each level on the way down.
        attention_resolutions: heights at which blocks attend.
        dropout: its rate.
        groups: of each GroupNorm.
    """

    image_shape: tuple[int, int, int] = (3, 32, 32)
    channels: int = 128
    channel_multipliers: tuple[int, ...] = (1, 2, 2, 2)
    residual_blocks: int = 2
    attention_resolutions: tuple[int, ...] = (16,)
    dropout: float = 0.1
    groups: int = 32

    @property
    def attends(self) -> tuple[bool, ...]:
        """Whether each level attends, from the full resolution down."""
        levels = range(len(self.channel_multipliers))
        return tuple(self.image_shape[1] >> level in self.attention_resolutions for level in levels)


# The paper's networks for CIFAR-10 and for 256x256 pixels, and one small enough to try the harness with.
NETWORKS = {
    "paper": NetworkShape(),
    "paper256": NetworkShape((3, 256, 256), 128, (1, 1, 2, 2, 4, 4), 2, (16,), 0.0),
    "tiny": NetworkShape((3, 16, 16), 32, (1, 2), 1, (8,)),
}


def made_up_images(shape: NetworkShape, count: int, device: str) -> Tensor:
    """Random pixels, uint8 [count, C, H, W]: time does not depend on what images show."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, *shape.image_shape), generator=generator, dtype=torch.uint8).to(device)


@dataclasses.dataclass(frozen=True)
class Setting:
    """One measurement's conditions.

    Attributes:
        shape: the network.
        batch: images of a step.
        device: "cpu" or "cuda".
        precision: "float32", "tf32" or "bfloat16".
        compiled: torch.compile; of this project only.
        checkpointing: of activations, in training; of this project only.
    """

    shape: NetworkShape
    batch: int
    device: str = "cpu"
    precision: str = "float32"
    compiled: bool = False
    checkpointing: bool = False


@dataclasses.dataclass(frozen=True)
class Prepared:
    """A step that is ready to be made again and again.

    Attributes:
        call: makes one step; returns something finite that depends on all of it (a loss, images, bits/dim).
        network: whose parameters a training step changes.
    """

    call: Callable[[], Tensor]
    network: nn.Module
