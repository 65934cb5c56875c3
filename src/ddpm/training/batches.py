"""The batch of each update: images, flips, timesteps and noise, from (seed, update) alone."""

from __future__ import annotations

import dataclasses
import functools

import torch
from torch import Tensor

from ddpm.data.scaling import to_model
from ddpm.random_numbers import Stream, integers, normal, permutation


@dataclasses.dataclass(frozen=True)
class Batch:
    """x_0 float32 [B, C, H, W] in [-1, 1], index int64 [B] (t - 1), noise float32 [B, C, H, W]."""

    x_0: Tensor
    index: Tensor
    noise: Tensor

    def shards(self, count: int) -> list[Batch]:
        """The batch in `count` consecutive parts of one size; `count` must divide B."""
        size = len(self.x_0) // count
        parts = (tensor.split(size) for tensor in (self.x_0, self.index, self.noise))
        return [Batch(*tensors) for tensors in zip(*parts, strict=True)]


class Batches:
    """Draws the batch of any update, in any order.

    Images are taken from an endless row of shuffled passes, so batches may span two passes and none
    is dropped (as the authors' repeat-then-shuffle).

    Args:
        images: uint8 [N, C, H, W], on the device that trains.
        timesteps: T.
        batch_size: images in a batch.
        flip: mirror each image with probability 1/2.
        seed: of the training run.
    """

    def __init__(self, images: Tensor, timesteps: int, batch_size: int, flip: bool, seed: int) -> None:
        self.images, self.timesteps, self.batch_size, self.flip, self.seed = (
            images,
            timesteps,
            batch_size,
            flip,
            seed,
        )
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __getitem__(self, update: int) -> Batch:
        place = torch.arange(self.batch_size, device=self.images.device)
        x_0 = to_model(self.images[self._chosen(update)])
        if self.flip:
            mirrored = integers(self.seed, Stream.FLIP, place, update, 2).bool()
            x_0 = torch.where(mirrored[:, None, None, None], x_0.flip(-1), x_0)
        index = integers(self.seed, Stream.TIMESTEP, place, update, self.timesteps)
        shape = tuple(self.images.shape[1:])
        return Batch(x_0, index, normal(self.seed, Stream.TRAINING_NOISE, place, update, shape))

    def _chosen(self, update: int) -> Tensor:
        size = len(self.images)
        first, last = update * self.batch_size, (update + 1) * self.batch_size
        passes = [self._order(number) for number in range(first // size, (last - 1) // size + 1)]
        start = first - first // size * size
        return torch.cat(passes)[start : start + self.batch_size]

    def _shuffled(self, number: int) -> Tensor:
        return permutation(self.seed, Stream.BATCH_ORDER, number, len(self.images)).to(self.images.device)
