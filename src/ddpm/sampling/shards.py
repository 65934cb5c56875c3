"""Samples in shards: a sample depends on the weights, the sampling seed and its number alone.

The batches that the network sees keep one size and one membership (images k b .. (k+1) b - 1), so a
sample's bits do not depend on which job drew it.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ddpm.data.scaling import to_pixels
from ddpm.diffusion.process import GaussianDiffusion, Network
from ddpm.diffusion.respacing import reverse_chain
from ddpm.diffusion.sampler import reverse_process
from ddpm.progress import Progress
from ddpm.random_numbers import Stream, normal
from ddpm.study.evaluation import SamplingSettings


@dataclasses.dataclass(frozen=True)
class Shard:
    """The samples of a shard, and x0-hat in the course of the reverse process.

    Attributes:
        images: the finished samples, uint8 [n, C, H, W].
        image: of each sample, int64 [n].
        x0_hat: uint8 [columns, n, C, H, W]; no columns if it was not asked for.
        reverse_steps: int64 [columns]: steps taken when that x0-hat was predicted.
        non_finite: number of samples with a pixel that is infinite or NaN; shown as mid-grey.
    """

    images: np.ndarray
    image: np.ndarray
    x0_hat: np.ndarray
    reverse_steps: np.ndarray
    non_finite: int = 0

    def arrays(self) -> dict[str, np.ndarray]:
        """The arrays by the names that they have in a file; x0-hat only if it was asked for."""
        arrays = {"images": self.images, "index": self.image}
        progress = {"x0_hat": self.x0_hat, "reverse_steps": self.reverse_steps}
        return arrays | progress if len(self.reverse_steps) else arrays


def no_samples(shape: tuple[int, ...], keep: list[int]) -> Shard:
    """The shard of a model whose training diverged: of 0 samples of a shape (C, H, W)."""
    return Shard(
        images=np.zeros((0, *shape), np.uint8),
        image=np.zeros(0, np.int64),
        x0_hat=np.zeros((len(keep), 0, *shape), np.uint8),
        reverse_steps=np.array(keep, np.int64),
    )


def progressive_steps(timesteps: int, columns: int) -> list[int]:
    """After how many reverse steps x0-hat is kept: T/columns, 2T/columns, ..., T (rounded).

    For T = 1000 and 20 columns: 50, 100, ..., 1000, as in figures 10 and 14.
    """
    return [round(timesteps * (column + 1) / columns) for column in range(columns)]


def shard_indices(shard: int, settings: SamplingSettings) -> list[Tensor]:
    """The indices of each batch of a shard, int64 [batch_size]; the last may reach beyond the images."""
    size, first = settings.batch_size, shard * settings.batches_per_shard
    last = min(first + settings.batches_per_shard, -(-settings.images // size))
    return [torch.arange(k * size, (k + 1) * size) for k in range(first, last)]


def initial_noise(seed: int, image: Tensor, timesteps: int, shape: tuple[int, ...]) -> Tensor:
    """x_T of the images with these indices, float32 [B, *shape]."""
    return normal(seed, Stream.SAMPLING, image, timesteps, shape)


def step_noise(seed: int, image: Tensor, step: int, shape: tuple[int, ...]) -> Tensor:
    """z of the images at a step, by its t in 0..T-1, float32 [B, *shape]."""
    return normal(seed, Stream.SAMPLING, image, step, shape)


def draw_batch(
    diffusion: GaussianDiffusion,
    network: Network,
    shape: tuple[int, ...],
    image: Tensor,
    seed: int,
    keep: list[int],
    progress: Progress | None = None,
    keys: Sequence[int] | None = None,
) -> tuple[Tensor, list[Tensor]]:
    """Finished samples [B, C, H, W] of these indices, and x0-hat after each number of steps in `keep`.

    `keys` says by what each step's noise is drawn (`ddpm.diffusion.respacing.ReverseChain`); None: its t.
    """
    timesteps = diffusion.timesteps
    keys = range(timesteps + 1) if keys is None else keys
    x, kept = initial_noise(seed, image, keys[-1], shape), []
    noise = lambda step: step_noise(seed, image, keys[step], shape)  # noqa: E731
    for draw in reverse_process(diffusion, network, x, timesteps, noise):
        x = draw.x
        if timesteps - draw.t in keep:
            kept.append(draw.x_0)
        if progress is not None:
            progress.advance(len(image))
    return x, kept


def draw_shard(
    diffusion: GaussianDiffusion,
    network: Network,
    shape: tuple[int, ...],
    shard: int,
    settings: SamplingSettings,
    seed: int,
    keep: list[int],
    title: str,
) -> Shard:
    """Draws a shard's batches; indices beyond the images are drawn, to keep a batch whole, and dropped.

    Args:
        diffusion, network: the model, on one device.
        shape: (C, H, W).
        shard: which of the set's shards, from 0.
        settings: number of samples, sizes of batches and shards, and which steps with which variance.
        seed: the sampling seed.
        keep: numbers of reverse steps after which x0-hat is kept; empty for none.
        title: for the progress line.

    Raises:
        ValueError: the model cannot be sampled in these steps or with this variance; a study's settings are
            checked before.
    """
    device = diffusion.beta.device
    chain = reverse_chain(diffusion, network, settings.steps, settings.variance)
    steps, keys = chain.diffusion.timesteps, chain.keys
    batches, none = shard_indices(shard, settings), no_samples(shape, keep)
    finished, kept, non_finite = [none.images], [none.x0_hat], 0
    with Progress(title, sum(map(len, batches)) * steps, "image-steps") as progress:
        for image in batches:
            x, x0_hat = draw_batch(
                chain.diffusion, chain.network, shape, image.to(device), seed, keep, progress, keys
            )
            wanted = int((image < settings.images).sum())
            non_finite += int((~torch.isfinite(x[:wanted])).flatten(1).any(dim=1).sum())
            finished.append(shown(x[:wanted]))
            if keep:
                kept.append(np.stack([shown(column[:wanted]) for column in x0_hat]))
    samples, first = np.concatenate(finished), int(batches[0][0])
    drawn = np.arange(first, first + len(samples))
    return Shard(samples, drawn, np.concatenate(kept, axis=1), none.reverse_steps, non_finite)


def shown(x: Tensor) -> np.ndarray:
    """Pixels of x on [-1, 1], uint8; NaN is shown as mid-grey."""
    return to_pixels(torch.nan_to_num(x, nan=0.0)).cpu().numpy()
