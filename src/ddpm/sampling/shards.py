"""Samples in shards: a sample depends on the weights, the sampling seed and its index alone.

The batches that the network sees keep one size and one membership (images k b .. (k+1) b - 1), so a
sample's bits do not depend on which job drew it.
"""

from __future__ import annotations

import dataclasses

import numpy as np
import torch
from torch import Tensor

from ddpm.data.scaling import to_pixels
from ddpm.diffusion.process import GaussianDiffusion, Network
from ddpm.diffusion.sampler import reverse_process
from ddpm.progress import Progress
from ddpm.random_numbers import Stream, normal


@dataclasses.dataclass(frozen=True)
class Samples:
    """Images uint8 [n, C, H, W] and x0-hat in the course of the reverse process.

    Attributes:
        images: the finished samples.
        x_0_hat: uint8 [columns, n, C, H, W], or None if it was not asked for.
        reverse_steps: int64 [columns]: steps taken when that x0-hat was predicted.
        non_finite: number of samples with a pixel that is infinite or NaN; shown as mid-grey.
    """

    images: np.ndarray
    x_0_hat: np.ndarray | None
    reverse_steps: np.ndarray
    non_finite: int


def progressive_steps(timesteps: int, columns: int) -> list[int]:
    """After how many reverse steps x0-hat is kept: T/columns, 2T/columns, ..., T (rounded).

    For T = 1000 and 20 columns: 50, 100, ..., 1000, as in figures 10 and 14.
    """
    return [round(timesteps * (column + 1) / columns) for column in range(columns)]


def shard_indices(shard: int, batch_size: int, batches_per_shard: int, images: int) -> list[Tensor]:
    """The indices of each batch of a shard, int64 [batch_size]; the last may reach beyond `images`."""
    first = shard * batches_per_shard
    last = min(first + batches_per_shard, -(-images // batch_size))
    return [torch.arange(k * batch_size, (k + 1) * batch_size) for k in range(first, last)]


def initial_noise(seed: int, index: Tensor, timesteps: int, shape: tuple[int, ...]) -> Tensor:
    """x_T of the images with these indices, float32 [B, *shape]."""
    return normal(seed, Stream.SAMPLING, index, timesteps, shape)


def step_noise(seed: int, index: Tensor, step: int, shape: tuple[int, ...]) -> Tensor:
    """z of the images at the step with index `step` = t - 1, float32 [B, *shape]."""
    return normal(seed, Stream.SAMPLING, index, step, shape)


def draw_batch(
    process: GaussianDiffusion,
    network: Network,
    shape: tuple[int, ...],
    index: Tensor,
    seed: int,
    keep: list[int],
    progress: Progress | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Finished samples [B, C, H, W] of these indices, and x0-hat after each number of steps in `keep`."""
    timesteps = process.timesteps
    x, kept = initial_noise(seed, index, timesteps, shape), []
    noise = lambda step: step_noise(seed, index, step, shape)  # noqa: E731
    for draw in reverse_process(process, network, x, timesteps, noise):
        x = draw.x
        if timesteps - draw.t in keep:
            kept.append(draw.x_0)
        if progress is not None:
            progress.advance(len(index))
    return x, kept


def draw_shard(
    process: GaussianDiffusion,
    network: Network,
    shape: tuple[int, ...],
    batches: list[Tensor],
    images: int,
    seed: int,
    keep: list[int],
    title: str,
) -> Samples:
    """Draws a shard's batches; indices beyond `images` are drawn, to keep the batch whole, and dropped.

    Args:
        process, network: the model, on one device.
        shape: (C, H, W).
        batches: from `shard_indices`.
        images: samples in all shards together.
        seed: the sampling seed.
        keep: numbers of reverse steps after which x0-hat is kept; empty for none.
        title: for the progress line.
    """
    device = process.beta.device
    finished, kept, non_finite = [], [], 0
    with Progress(title, sum(map(len, batches)) * process.timesteps, "image-steps") as progress:
        for index in batches:
            x, x_0_hat = draw_batch(process, network, shape, index.to(device), seed, keep, progress)
            wanted = int((index < images).sum())
            non_finite += int((~torch.isfinite(x[:wanted])).flatten(1).any(dim=1).sum())
            finished.append(_pixels(x[:wanted]))
            kept.append([_pixels(image[:wanted]) for image in x_0_hat])
    columns = [np.concatenate(column) for column in zip(*kept, strict=True)] if keep else []
    return Samples(
        np.concatenate(finished),
        np.stack(columns) if keep else None,
        np.array(keep, dtype=np.int64),
        non_finite,
    )


def _pixels(x: Tensor) -> np.ndarray:
    return to_pixels(torch.nan_to_num(x, nan=0.0)).cpu().numpy()
