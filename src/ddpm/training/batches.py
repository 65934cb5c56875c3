"""The batch of each update: images, flips, timesteps and noise, from (seed, update) alone."""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Iterator

import torch
from torch import Tensor

from ddpm.data.images import Images
from ddpm.data.scaling import to_model
from ddpm.random_numbers import Stream, integers, normal, permutation

# Updates whose random numbers are drawn together, at most: a generator of a hundred small operations costs
# more calls than arithmetic.
UPDATES_AT_ONCE = 16
# Bytes of noise up to which updates are drawn together; a generator's intermediate results take six times
# as much. What is drawn for an update does not depend on it.
NOISE_AT_ONCE = 2**26


@dataclasses.dataclass(frozen=True)
class Batch:
    """x_0 float32 [B, C, H, W] in [-1, 1], t int64 [B] in 0..T-1, noise float32 [B, C, H, W].

    `first` is the place of its first image in the update's whole batch, of which it may be a part.
    """

    x_0: Tensor
    t: Tensor
    noise: Tensor
    first: int = 0

    def shards(self, count: int) -> list[Batch]:
        """The batch in `count` consecutive parts of one size; `count` must divide B."""
        size = len(self.x_0) // count
        places = range(self.first, self.first + len(self.x_0), size)
        parts = [tensor.split(size) for tensor in (self.x_0, self.t, self.noise)]
        return [Batch(*tensors) for tensors in zip(*parts, places, strict=True)]


class Batches:
    """Draws the batch of any update, in any order; in that of training, images may be read ahead.

    Images are taken from an endless row of shuffled passes, so batches may span two passes and none
    is dropped (as the authors' repeat-then-shuffle).

    Args:
        images: uint8 [N, C, H, W], for the device that trains; a tensor is on it.
        timesteps: T.
        batch_size: images in a batch.
        flip: mirror each image with probability 1/2.
        seed: of the training run.
        part: the places of each batch to draw, a range of step 1; None for all. What is drawn for a place
            does not depend on the part.
    """

    def __init__(
        self,
        images: Images | Tensor,
        timesteps: int,
        batch_size: int,
        flip: bool,
        seed: int,
        part: range | None = None,
    ) -> None:
        self.part = range(batch_size) if part is None else part
        self.images = Images(images) if isinstance(images, Tensor) else images
        self.timesteps, self.batch_size, self.flip, self.seed = timesteps, batch_size, flip, seed
        noise_bytes = 4 * len(self.part) * math.prod(self.images.image_shape)
        self._at_once = max(1, min(UPDATES_AT_ONCE, NOISE_AT_ONCE // noise_bytes))
        self._stream: Iterator[Tensor] = iter(())
        self._next_in_stream = -1
        self._order = functools.lru_cache(maxsize=2)(self._shuffled)
        self._drawn = functools.lru_cache(maxsize=1)(self._draw)

    def __getitem__(self, update: int) -> Batch:
        block, within = divmod(update, self._at_once)
        mirrored, t, noise = self._drawn(block)
        x_0 = to_model(self._pixels(update))
        if mirrored is not None:
            x_0 = torch.where(mirrored[within, :, None, None, None], x_0.flip(-1), x_0)
        return Batch(x_0, t[within], noise[within], self.part.start)

    def _draw(self, block: int) -> tuple[Tensor | None, Tensor, Tensor]:
        """Flips (None for none), timesteps and noise of a block of updates, [updates, B, ...]."""
        device, count = self.images.device, len(self.part)
        first = block * self._at_once
        updates = torch.arange(first, first + self._at_once, device=device).repeat_interleave(count)
        places = torch.arange(self.part.start, self.part.stop, device=device).repeat(self._at_once)
        drawn = self._at_once, count
        mirrored = None
        if self.flip:
            mirrored = integers(self.seed, Stream.FLIP, places, updates, 2).bool().view(drawn)
        t = integers(self.seed, Stream.TIMESTEP, places, updates, self.timesteps).view(drawn)
        shape = self.images.image_shape
        noise = normal(self.seed, Stream.TRAINING_NOISE, places, updates, shape)
        return mirrored, t, noise.view(*drawn, *shape)

    def _pixels(self, update: int) -> Tensor:
        if update != self._next_in_stream:
            self._stream = self.images.stream(map(self._chosen, itertools.count(update)))
        pixels = next(self._stream)
        self._next_in_stream = update + 1
        return pixels

    def _chosen(self, update: int) -> Tensor:
        """The places of an update's images, int64 [B]."""
        first, chosen = update * self.batch_size + self.part.start, []
        last = first + len(self.part)
        while first < last:
            number, start = divmod(first, len(self.images))
            chosen.append(self._order(number)[start : start + last - first])
            first += len(chosen[-1])
        return torch.cat(chosen)

    def _shuffled(self, number: int) -> Tensor:
        order = permutation(self.seed, Stream.BATCH_ORDER, number, len(self.images))
        return order.to(self.images.index_device)
