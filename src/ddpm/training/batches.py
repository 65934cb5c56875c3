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
    """x_0 float32 [B, C, H, W] in [-1, 1], index int64 [B] (t - 1), noise float32 [B, C, H, W].

    `first` is the place of its first image in the update's whole batch, of which it may be a part.
    """

    x_0: Tensor
    index: Tensor
    noise: Tensor
    first: int = 0

    def shards(self, count: int) -> list[Batch]:
        """The batch in `count` consecutive parts of one size; `count` must divide B."""
        size = len(self.x_0) // count
        places = range(self.first, self.first + len(self.x_0), size)
        parts = [tensor.split(size) for tensor in (self.x_0, self.index, self.noise)]
        return [Batch(*tensors) for tensors in zip(*parts, places, strict=True)]


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
        part: the places of each batch to draw, a range of step 1; None for all. What is drawn for a place
            does not depend on the part.
    """

    def __init__(
        self,
        images: Tensor,
        timesteps: int,
        batch_size: int,
        flip: bool,
        seed: int,
        part: range | None = None,
    ) -> None:
        self.part = range(batch_size) if part is None else part
        self.images, self.timesteps, self.batch_size, self.flip, self.seed = (
            images,
            timesteps,
            batch_size,
            flip,
            seed,
        )
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)

    def __getitem__(self, update: int) -> Batch:
        place = torch.arange(self.part.start, self.part.stop, device=self.images.device)
        x_0 = to_model(self.images[self._chosen(update)])
        if self.flip:
            mirrored = integers(self.seed, Stream.FLIP, place, update, 2).bool()
            x_0 = torch.where(mirrored[:, None, None, None], x_0.flip(-1), x_0)
        index = integers(self.seed, Stream.TIMESTEP, place, update, self.timesteps)
        shape = tuple(self.images.shape[1:])
        noise = normal(self.seed, Stream.TRAINING_NOISE, place, update, shape)
        return Batch(x_0, index, noise, self.part.start)

    def _chosen(self, update: int) -> Tensor:
        size = len(self.images)
        first = update * self.batch_size + self.part.start
        last = first + len(self.part)
        passes = [self._order(number) for number in range(first // size, (last - 1) // size + 1)]
        start = first - first // size * size
        return torch.cat(passes)[start : start + len(self.part)]

    def _shuffled(self, number: int) -> Tensor:
        return permutation(self.seed, Stream.BATCH_ORDER, number, len(self.images)).to(self.images.device)
