"""Ancestral sampling (Algorithm 2 with x_0-hat clipped, as in the authors' code) and what builds on it."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator

import torch
from torch import Tensor

from ddpm.diffusion.process import GaussianDiffusion, Network

# Gives z [B, C, H, W] for a step, by its t.
Noise = Callable[[int], Tensor]


@dataclasses.dataclass(frozen=True)
class Draw:
    """One ancestral step: x_{t-1} and the x_0-hat that it was drawn with, [B, C, H, W]; t in 0..T-1."""

    t: int
    x: Tensor
    x_0: Tensor


def ancestral_step(
    diffusion: GaussianDiffusion, network: Network, x_t: Tensor, t: int, noise: Tensor, *, clip: bool = True
) -> Draw:
    """x_{t-1} ~ p_theta(x_{t-1} | x_t); no noise is added at t = 0.

    Args:
        diffusion: the diffusion process.
        network: the U-Net.
        x_t: [B, C, H, W].
        t: of the step, in 0..T-1.
        noise: z, standard normal [B, C, H, W].
        clip: clip x_0-hat to [-1, 1].
    """
    times = torch.full((len(x_t),), t, device=x_t.device)
    step = diffusion.reverse_step(network(x_t, times), x_t, times, clip=clip)
    if t == 0:
        return Draw(t, step.mean, step.x_0)
    return Draw(t, step.mean + torch.exp(0.5 * step.log_variance) * noise, step.x_0)


@torch.no_grad()
def reverse_process(
    diffusion: GaussianDiffusion,
    network: Network,
    x_t: Tensor,
    steps: int,
    noise: Noise,
    *,
    clip: bool = True,
) -> Iterator[Draw]:
    """Runs the reverse process from x_t, yielding the steps t = steps - 1, ..., 0.

    Args:
        diffusion: the diffusion process.
        network: the U-Net, in evaluation mode.
        x_t: [B, C, H, W]; pure noise if all T steps are taken.
        steps: how many to take, in 0..T.
        noise: z for each t.
        clip: clip x_0-hat to [-1, 1].
    """
    for t in reversed(range(steps)):
        draw = ancestral_step(diffusion, network, x_t, t, noise(t), clip=clip)
        x_t = draw.x
        yield draw


def interpolate(x_t: Tensor, other: Tensor, weights: Tensor) -> Tensor:
    """(1 - lambda) x_t + lambda x'_t for each lambda (section 4.4): [L, C, H, W] from two [C, H, W]."""
    weights = weights.to(x_t.dtype).reshape(-1, *[1] * x_t.dim())
    return (1 - weights) * x_t + weights * other
