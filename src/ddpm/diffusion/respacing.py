"""The reverse process in fewer steps: a chain over some of the times, with the same marginals q(x_t | x_0).

A step from x_r to x_s, s < r, is one of a diffusion process whose beta is 1 - alpha-bar_r / alpha-bar_s. So
the chosen times make up a process of their own, whose network is asked at them (Nichol and Dhariwal,
"Improved Denoising Diffusion Probabilistic Models", ICML 2021, section 4).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ddpm.diffusion.process import GaussianDiffusion, Network


def evenly_spaced(timesteps: int, steps: int) -> list[int]:
    """`steps` times of 0..T-1, ascending, as evenly spaced as can be, with both ends (T-1 alone for one).

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
        times: ascending, in 0..T-1. Sampling starts from pure noise at the last, which is T-1 but for trials.
        variance: "fixed_large" or "fixed_small" of the shorter process; None for that of `diffusion`.

    The mean of a step is mu-tilde of x_0-hat whatever the network predicts: a predicted mu-tilde is that of a
    step of the whole process. So with clipping, all T times of a model that predicts mu-tilde are not quite
    the whole process, whose mean is then the network's output itself.

    Raises:
        ValueError: times that do not ascend or lie outside 0..T-1, or a learned variance, which says nothing
            of steps other than the trained ones.
    """
    chosen = torch.as_tensor(list(times), dtype=torch.int64)
    within = len(chosen) and int(chosen.min()) >= 0 and int(chosen.max()) < diffusion.timesteps
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


@dataclasses.dataclass(frozen=True)
class ReverseChain:
    """What samples are drawn by.

    Attributes:
        diffusion, network: the process whose steps are taken, and the model of it.
        keys: by what the noise of each step is drawn, [steps + 1]: its t in the whole process, 0..T-1; and,
            last, T for x_T. So equal steps of two chains see equal noise.
    """

    diffusion: GaussianDiffusion
    network: Network
    keys: Sequence[int]


def reverse_chain(
    diffusion: GaussianDiffusion,
    network: Network,
    steps: int | Sequence[int] | None = None,
    variance: str | None = None,
) -> ReverseChain:
    """The chain of some steps of a model, with its own variance or another; with neither, the model as it is.

    Args:
        diffusion, network: the whole process and the model of it, on one device.
        steps: how many evenly spaced times, or the paper's t of each, ascending in 1..T; None for all T.
        variance: "fixed_large" or "fixed_small"; None for the model's own.

    Raises:
        ValueError: as `evenly_spaced` and `respaced`.
    """
    timesteps = diffusion.timesteps
    if steps is None:
        times = list(range(timesteps))
    elif isinstance(steps, int):
        times = evenly_spaced(timesteps, steps)
    else:
        times = [t - 1 for t in steps]
    keys = [*times, timesteps]
    if times != list(range(timesteps)):
        return ReverseChain(*respaced(diffusion, network, times, variance), keys)
    if variance in (None, diffusion.variance):
        return ReverseChain(diffusion, network, keys)
    if "learned" in (variance, diffusion.variance):
        raise ValueError("a model with learned variance has no other, and others have no learned one")
    other = GaussianDiffusion(diffusion.beta.cpu().numpy(), diffusion.prediction, str(variance))
    return ReverseChain(other.to(diffusion.beta.device), network, keys)
