"""The networks that are timed, as plain settings that every adapter translates, and images for them."""

from __future__ import annotations

import dataclasses

import torch
from torch import Tensor

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

    def at_size(self, size: int) -> NetworkShape:
        """The same network for square images of another height."""
        return dataclasses.replace(self, image_shape=(self.image_shape[0], size, size))


# The paper's network for CIFAR-10, and one small enough to try the harness with.
NETWORKS = {
    "paper": NetworkShape(),
    "tiny": NetworkShape((3, 16, 16), 32, (1, 2), 1, (8,)),
}


def made_up_images(shape: NetworkShape, count: int, device: str) -> Tensor:
    """Random pixels, uint8 [count, C, H, W]: time does not depend on what images show."""
    generator = torch.Generator().manual_seed(0)
    return torch.randint(256, (count, *shape.image_shape), generator=generator, dtype=torch.uint8).to(device)
