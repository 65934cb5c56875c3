"""The variational bound L = L_T + sum L_{t-1} + L_0 (Eq. 5), in bits/dim.

A term is averaged over an image's dimensions; the sum over all terms is the upper bound on the
negative log-likelihood that Table 1 reports.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ddpm.diffusion.process import GaussianDiffusion, ReverseStep, at

_SMALLEST_PROBABILITY = 1e-12


def gaussian_kl(mean1: Tensor, log_variance1: Tensor, mean2: Tensor, log_variance2: Tensor) -> Tensor:
    """KL(N(mean1, exp(log_variance1)) || N(mean2, exp(log_variance2))), elementwise, in nats."""
    difference = (mean1 - mean2).square() * torch.exp(-log_variance2)
    return 0.5 * (
        -1.0 + log_variance2 - log_variance1 + torch.exp(log_variance1 - log_variance2) + difference
    )


def standard_normal_cdf(z: Tensor) -> Tensor:
    """The tanh approximation of the standard normal distribution function (authors' code)."""
    return 0.5 * (1.0 + torch.tanh(math.sqrt(2.0 / math.pi) * (z + 0.044715 * z**3)))


def decoder_log_likelihood(x_0: Tensor, mean: Tensor, log_variance: Tensor) -> Tensor:
    """log p(x_0 | x_1) of the discretised Gaussian decoder (Eq. 13), elementwise, in nats.

    Each grey level v/127.5 - 1 takes the mass of the bin of half-width 1/255 around it; the outermost
    bins reach to infinity. Probabilities are floored at 1e-12.

    Args:
        x_0: images in [-1, 1] made of 8-bit grey levels.
        mean, log_variance: of p(x_0 | x_1); they broadcast to x_0.
    """
    inverse_deviation = torch.exp(-0.5 * log_variance)
    centred = x_0 - mean
    upper = standard_normal_cdf((centred + 1.0 / 255.0) * inverse_deviation)
    lower = standard_normal_cdf((centred - 1.0 / 255.0) * inverse_deviation)
    probability = torch.where(x_0 < -0.999, upper, torch.where(x_0 > 0.999, 1.0 - lower, upper - lower))
    return torch.log(probability.clamp(min=_SMALLEST_PROBABILITY))


def bound_term(
    diffusion: GaussianDiffusion, x_0: Tensor, x_t: Tensor, t: Tensor, step: ReverseStep
) -> Tensor:
    """One term of the bound for each image: L_{t-1} (Eq. 6) where t > 1, L_0 (Eq. 13) where t = 1.

    Args:
        diffusion: the diffusion process.
        x_0, x_t: [B, C, H, W].
        t: int64 [B], in 0..T-1.
        step: p_theta(x_{t-1} | x_t).

    Returns:
        bits/dim, float32 [B].
    """
    first = (t == 0).reshape(-1, *[1] * (x_0.dim() - 1))
    true_mean = diffusion.posterior_mean(x_0, x_t, t)
    true_log_variance = at(diffusion.log_variance_small, t, x_0)
    log_variance = step.log_variance.expand_as(step.mean)
    # Each branch sees harmless values where the other is taken: a masked infinity would still turn
    # gradients into NaN.
    kl = gaussian_kl(
        true_mean,
        true_log_variance,
        torch.where(first, true_mean, step.mean),
        torch.where(first, true_log_variance, log_variance),
    )
    decoder = -decoder_log_likelihood(
        x_0, torch.where(first, step.mean, x_0), torch.where(first, log_variance, true_log_variance)
    )
    return torch.where(first, decoder, kl).flatten(1).mean(dim=1) / math.log(2.0)


def prior_term(diffusion: GaussianDiffusion, x_0: Tensor) -> Tensor:
    """L_T = KL(q(x_T | x_0) || N(0, I)) for each image, bits/dim, float32 [B] (Eq. 5)."""
    last = torch.full((len(x_0),), diffusion.timesteps - 1, device=x_0.device)
    mean = at(diffusion.alpha_bar.sqrt(), last, x_0) * x_0
    log_variance = at(torch.log(1.0 - diffusion.alpha_bar), last, x_0)
    zero = torch.zeros((), device=x_0.device)
    return gaussian_kl(mean, log_variance, zero, zero).flatten(1).mean(dim=1) / math.log(2.0)
