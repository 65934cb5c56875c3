"""Ancestral sampling (Algorithm 2 with x_0-hat clipped, as in the authors' code) and what builds on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ddpm.diffusion.process import GaussianDiffusion, Network

# Gives z [B, C, H, W] for the step at an index.
Noise = Callable[[int], Tensor]


@dataclasses.dataclass(frozen=True)
class Draw:
    """One ancestral step: x_{t-1} and the x_0-hat that it was drawn with, [B, C, H, W]; index = t - 1."""

    index: int
    x: Tensor
    x_0: Tensor


def ancestral_step(
    process: GaussianDiffusion, network: Network, x_t: Tensor, index: int, noise: Tensor, *, clip: bool = True
) -> Draw:
    """x_{t-1} ~ p_theta(x_{t-1} | x_t); no noise is added at index 0.

    Args:
        process: the diffusion process.
        network: the U-Net.
        x_t: [B, C, H, W].
        index: t - 1.
        noise: z, standard normal [B, C, H, W].
        clip: clip x_0-hat to [-1, 1].
    """
    indices = torch.full((len(x_t),), index, device=x_t.device)
    step = process.reverse_step(network(x_t, indices), x_t, indices, clip=clip)
    if index == 0:
        return Draw(index, step.mean, step.x_0)
    return Draw(index, step.mean + torch.exp(0.5 * step.log_variance) * noise, step.x_0)


@torch.no_grad()
def reverse_process(
    process: GaussianDiffusion, network: Network, x_t: Tensor, t: int, noise: Noise, *, clip: bool = True
) -> Iterator[Draw]:
    """Runs the reverse process from x_t, yielding the steps at index t - 1, ..., 0.

    Args:
        process: the diffusion process.
        network: the U-Net, in evaluation mode.
        x_t: [B, C, H, W]; pure noise if t = T.
        t: steps to take, in 0..T.
        noise: z for each index.
        clip: clip x_0-hat to [-1, 1].
    """
    for index in reversed(range(t)):
        draw = ancestral_step(process, network, x_t, index, noise(index), clip=clip)
        x_t = draw.x
        yield draw


def interpolate(x_t: Tensor, other: Tensor, weights: Tensor) -> Tensor:
    """(1 - lambda) x_t + lambda x'_t for each lambda (section 4.3): [L, C, H, W] from two [C, H, W]."""
    weights = weights.to(x_t.dtype).reshape(-1, *[1] * x_t.dim())
    return (1 - weights) * x_t + weights * other
