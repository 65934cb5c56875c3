"""The reverse process in fewer steps: a chain over some of the times, with the same marginals q(x_t | x_0).

A step from x_r to x_s, s < r, is one of a diffusion process whose beta is 1 - alpha-bar_r / alpha-bar_s. So the
chosen times make up a process of their own, whose network is asked at them (Nichol and Dhariwal, "Improved
Denoising Diffusion Probabilistic Models", ICML 2021, section 4).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ddpm.diffusion.process import GaussianDiffusion, Network


def evenly_spaced(timesteps: int, steps: int) -> list[int]:
    """`steps` times of 0..T-1, ascending, as evenly spaced as can be, with both ends (T-1 alone for one step).

    Raises:
        ValueError: fewer than 1 step or more than T.
    """
    if not 1 <= steps <= timesteps:
        raise ValueError(f"{steps} steps of a process of T = {timesteps}; choose 1 to {timesteps}")
    if steps == 1:
        return [timesteps - 1]
    return [round(index * (timesteps - 1) / (steps - 1)) for index in range(steps)]


def respaced(
    diffusion: GaussianDiffusion, network: Network, times: Sequence[int], variance: str | None = None
) -> tuple[GaussianDiffusion, Network]:
    """The process over some of the times, and a network that predicts x_0 in it, unclipped.

    Args:
        diffusion, network: the whole process and the model of it, on one device.
        times: ascending, in 0..T-1.
        variance: "fixed_large" or "fixed_small" of the shorter process; None for that of `diffusion`.

    Raises:
        ValueError: times that do not ascend or lie outside 0..T-1, or a learned variance, which says nothing
            of steps other than the trained ones.
    """
    chosen = torch.as_tensor(list(times), dtype=torch.int64)
    within = len(chosen) and 0 <= int(chosen.min()) and int(chosen.max()) < diffusion.timesteps
    if not within or bool((chosen.diff() <= 0).any()):
        raise ValueError(f"times {list(times)} must ascend within 0..{diffusion.timesteps - 1}")
    variance = variance or diffusion.variance
    if "learned" in (variance, diffusion.variance):
        raise ValueError("a learned variance is that of the trained steps; it has no fewer or other ones")
    chosen = chosen.to(diffusion.alpha_bar.device)
    alpha_bar = diffusion.alpha_bar[chosen].cpu().numpy()
    betas = 1 - alpha_bar / np.concatenate([[1.0], alpha_bar[:-1]])

    def predict_x_0(x_t: Tensor, index: Tensor) -> Tensor:
        t = chosen[index]
        return diffusion.predicted_x_0(network(x_t, t), x_t, t)

    return GaussianDiffusion(betas, "x0", variance).to(chosen.device), predict_x_0
