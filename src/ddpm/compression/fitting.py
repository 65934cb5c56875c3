"""Fits a code to a model: a schedule from errors on the training split, frequencies on training images."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence

import numpy as np
import torch
from scipy.special import ndtr

from ddpm.compression.index_code import MAGNITUDES, IndexCode
from ddpm.compression.model import CodingModel
from ddpm.compression.progressive import CHUNK_BITS, send
from ddpm.compression.schedule import (
    CodingSchedule,
    all_steps_kl,
    cheapest_path,
    chunked_bits,
    least_by_steps,
    steps_between,
)
from ddpm.data.scaling import to_model
from ddpm.diffusion.process import GaussianDiffusion, Network
from ddpm.random_numbers import Stream, normal

# Numbers of chunks to choose from, as shares of those that the expected KL asks for.
_SHARES = (0.3, 0.45, 0.6, 0.7, 0.8, 0.9, 1.0, 1.12, 1.25, 1.4, 1.6, 1.8, 2.0, 2.5, 3.0, 4.0, 6.0)
# Variances of the decoder that are compared, as shares of the mean squared error.
_SCALES = (0.125, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0, 2.8, 4.0, 5.6, 8.0)
_TIMES = 32  # at which the bits of x_0 are measured; interpolated between
_PSEUDO_COUNTS = 16.0
_SHOWN_STEPS = (1, 2, 5, 10, 20, 50, 100, 200)
_MOST_STEPS = max(_SHOWN_STEPS)


@dataclasses.dataclass(frozen=True)
class DecoderBits:
    """What x_0 costs when x_t is known, at every t: float64 [T] each.

    Attributes:
        bits: -log2 p(x_0 | x_t), bits/dim, of Eq. 13 with the variance below.
        variance: the best for all dimensions among a few.
    """

    bits: np.ndarray
    variance: np.ndarray


@torch.no_grad()
def decoder_bits(
    diffusion: GaussianDiffusion, network: Network, pixels: np.ndarray, errors: np.ndarray, seed: int = 0
) -> DecoderBits:
    """Measures p(x_0 | x_t) of Eq. 13 on training images at some times, and interpolates in log t.

    The variance is fitted as well: as a few pixels err far, a Gaussian as wide as the mean squared error is
    not the best.

    Args:
        diffusion, network: the model, on one device.
        pixels: uint8 [n, C, H, W].
        errors: R(t), float64 [T].
        seed: of the noise in x_t.
    """
    timesteps = diffusion.timesteps
    times = np.unique(np.round(np.geomspace(1, timesteps, min(_TIMES, timesteps))).astype(int)) - 1
    device = diffusion.beta.device
    x_0 = to_model(torch.from_numpy(pixels)).to(device)
    image = torch.arange(len(x_0), device=device)
    bits, scale = np.empty(len(times)), np.empty(len(times))
    for i, t in enumerate(times):
        at = torch.full((len(x_0),), int(t), device=device)
        x_t = diffusion.q_sample(x_0, at, normal(seed, Stream.CODE, image, int(t), tuple(x_0.shape[1:])))
        x_0_hat = diffusion.reverse_step(network(x_t, at), x_t, at, clip=True).x_0.float().cpu().numpy()
        costs = [_cross_entropy(pixels, x_0_hat, share * errors[t]) for share in _SCALES]
        bits[i], scale[i] = min(costs), _SCALES[int(np.argmin(costs))]
    every = np.log(np.arange(1, timesteps + 1))
    share = np.interp(every, np.log(times + 1), scale)
    return DecoderBits(np.interp(every, np.log(times + 1), bits), share * errors)


def fitted_schedule(
    alpha_bar: np.ndarray,
    errors: np.ndarray,
    decoder: DecoderBits,
    *,
    dimensions: int,
    variance: str = "optimal",
    end: int | None = None,
    steps: int | None = None,
    chunk: float | None = CHUNK_BITS,
) -> CodingSchedule:
    """The schedule of fewest bits for an image.

    Args:
        alpha_bar, errors: float64 [T].
        decoder: what x_0 costs in the end.
        dimensions: D of an image.
        variance: of p, as in `steps_between`.
        end: t of the last latent in 0..T-1; None for the best.
        steps: number of latents; None for the best, which needs a cost of steps: `chunk`.
        chunk: count the bits of indices that are sent in chunks of so many bits of KL; None for the KL alone.
    """
    kl = all_steps_kl(alpha_bar, errors, variance)
    cost = kl * dimensions if chunk is None else chunked_bits(kl * dimensions, chunk)
    last = decoder.bits * dimensions
    if end is not None:
        last = np.where(np.arange(len(last)) == end, last, np.inf)
    path = cheapest_path(cost, last, steps)
    r, s = np.array(path[:-1], int), np.array(path[1:], int)
    between = steps_between(alpha_bar[r], alpha_bar[s], errors[r], variance)
    expected = [*kl[r, s].tolist(), float(decoder.bits[path[-1]])]
    return CodingSchedule(
        times=tuple(path),
        variances=(*between.variance.tolist(), float(decoder.variance[path[-1]])),
        kl=tuple(expected),
    )


def bound_by_steps(
    alpha_bar: np.ndarray, errors: np.ndarray, decoder: DecoderBits, variance: str, end: int | None = None
) -> dict[str, float]:
    """Expected bits/dim of the best code of 1, 2, 5, 10, ... latents, without what indices cost more.

    Args as for `fitted_schedule`.
    """
    last = decoder.bits if end is None else np.where(np.arange(len(errors)) == end, decoder.bits, np.inf)
    least = least_by_steps(all_steps_kl(alpha_bar, errors, variance), last, min(len(errors), _MOST_STEPS))
    shown = [steps for steps in _SHOWN_STEPS if steps <= len(least) and np.isfinite(least[steps - 1])]
    return {str(steps): round(float(least[steps - 1]), 4) for steps in shown}


def model_schedule(diffusion: GaussianDiffusion, kl: np.ndarray) -> CodingSchedule:
    """The paper's own code: all T times with the model's fixed variances, that of the decoder too.

    Args:
        diffusion: of a fixed variance.
        kl: expected bits/dim of the terms L_{t-1}, t = 1..T, of the bound, float64 [T].

    Raises:
        ValueError: a learned variance, which is another for each image.
    """
    if diffusion.variance == "learned":
        raise ValueError("a learned variance is another for each image; choose `variance: optimal`")
    large = diffusion.variance == "fixed_large"
    log_variance = diffusion.log_variance_large if large else diffusion.log_variance_small
    variances = log_variance.exp().cpu().numpy()[::-1].tolist()
    return CodingSchedule(tuple(reversed(range(len(kl)))), tuple(variances), tuple(kl[::-1].tolist()))


def fitted_codes(model: CodingModel, pixels: np.ndarray) -> list[IndexCode]:
    """Frequencies of chunk counts and indices, counted while training images are sent.

    Args:
        model: the model with its schedule.
        pixels: uint8 [n, C, H, W]: training images.
    """
    dimensions = int(np.prod(pixels.shape[1:]))
    first = [_first_code(kl * dimensions, dimensions) for kl in (0.0, *model.schedule.kl[:-1])]
    sent = send(model, first, pixels, range(len(pixels)), watched=0)
    everywhere = _magnitudes([index for image in sent for index in image.indices])
    return [_counted(code, [image.indices[i] for image in sent], everywhere) for i, code in enumerate(first)]


def _first_code(kl: float, dimensions: int) -> IndexCode:
    """The choice of chunk counts for a step, all equally likely."""
    wanted = max(1.0, kl / CHUNK_BITS)
    counts = sorted({min(dimensions, max(1, math.ceil(wanted * share))) for share in _SHARES})
    return IndexCode(tuple(counts), (1,) * len(counts), (1,) * MAGNITUDES)


def _counted(code: IndexCode, indices: Sequence[np.ndarray], everywhere: np.ndarray) -> IndexCode:
    """Frequencies of a step: what was counted, smoothed by what was counted at all steps."""
    used = [len(index) for index in indices]
    counts = [2 * used.count(count) + 1 for count in code.counts]
    magnitudes = _magnitudes(indices) + _PSEUDO_COUNTS * everywhere / everywhere.sum()
    scaled = np.maximum(1, np.round(magnitudes / magnitudes.sum() * (1 << 16))).astype(int)
    return IndexCode(code.counts, tuple(counts), tuple(scaled.tolist()))


def _magnitudes(indices: Sequence[np.ndarray]) -> np.ndarray:
    number = np.concatenate(indices) + 1
    found = np.frexp(number.astype(np.float64))[1] - 1
    return np.bincount(found, minlength=MAGNITUDES).astype(np.float64)


def _cross_entropy(pixels: np.ndarray, x_0_hat: np.ndarray, variance: float) -> float:
    """Mean -log2 p of Eq. 13, bits/dim, each level having at least 2^-24."""
    mean, deviation = (x_0_hat.astype(np.float64) + 1) * 127.5, 127.5 * variance**0.5
    upper = np.where(pixels == 255, np.inf, pixels + 0.5)
    lower = np.where(pixels == 0, -np.inf, pixels - 0.5)
    probability = ndtr((upper - mean) / deviation) - ndtr((lower - mean) / deviation)
    return float(-np.log2(np.maximum(probability, 2.0**-24)).mean())
