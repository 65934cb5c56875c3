"""Dropout whose masks depend on (seed, update, layer, image's place in the batch, element) alone.

So they are the same however a batch is split over parts or processes, and in a resumed run. Each word of
a counter-based generator decides on four elements with 16 bits each: the rate is a multiple of 1/65536.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from ddpm.random_numbers import Stream, keys, splitmix64

_LEVELS = 2**16


class Dropout(nn.Module):
    """Sets elements to zero with a probability, and scales the others so that the mean stays.

    Args:
        rate: the wanted probability in [0, 1); `rate` is it to the nearest multiple of 1/65536.

    Attributes:
        rate: the probability that is realised, by which the others are scaled: 1 / (1 - rate).
        keys: int64 [B], of each image of the batch; filled in place before each update (`DropoutKeys`).
            No buffer of the module, so that weights files and their hashes do not hold it.
    """

    def __init__(self, rate: float) -> None:
        super().__init__()
        self._dropped = min(round(rate * _LEVELS), _LEVELS - 1)
        self.rate = self._dropped / _LEVELS
        self.keys: Tensor | None = None

    def forward(self, x: Tensor) -> Tensor:
        """[B, ...] to the same shape; the identity in evaluation mode or at rate 0.

        Raises:
            RuntimeError: in training mode without keys.
        """
        if not self.training or self._dropped == 0:
            return x
        if self.keys is None:
            raise RuntimeError("dropout in training mode needs keys: call DropoutKeys.fill first")
        size = math.prod(x.shape[1:])
        # Each int64 is read as four int16, uniform on {-32768..32767}.
        draws = splitmix64(self.keys, -(-size // 4)).view(torch.int16)[:, :size]
        # Elements are numbered channels last, in which layout wide networks run.
        kept = (draws >= self._dropped - _LEVELS // 2).reshape(len(x), *x.shape[2:], x.shape[1])
        kept = kept.movedim(-1, 1)
        if x.is_contiguous():
            kept = kept.contiguous()  # the result's layout is the mask's
        # Keeps a byte an element for the backward pass; a product with the mask would keep four.
        return torch.where(kept, x, 0.0) * (1.0 / (1.0 - self.rate))

    def extra_repr(self) -> str:
        """The realised rate."""
        return f"rate={self.rate}"


class DropoutKeys:
    """The keys of all dropout layers of a network, in one tensor that is overwritten for each update.

    Args:
        network: whose `Dropout` modules take their keys from here.
        seed: of the training run.
    """

    def __init__(self, network: nn.Module, seed: int) -> None:
        self._layers = [module for module in network.modules() if isinstance(module, Dropout)]
        self._seed = seed
        self._keys: Tensor | None = None

    def fill(self, update: int, first: int, count: int, device: torch.device) -> None:
        """Sets the keys of images at the places first..first + count - 1 of the batch of an update.

        Args:
            update: the update n = 0, 1, ... below 2^32.
            first: place of the first image in the whole batch.
            count: images that the network is going to see.
            device: of the network.
        """
        if not any(layer.rate for layer in self._layers):
            return
        if self._keys is None or self._keys.shape[1] != count or self._keys.device != device:
            self._keys = torch.empty(len(self._layers), count, dtype=torch.int64, device=device)
            for layer, row in zip(self._layers, self._keys, strict=True):
                layer.keys = row
        place = torch.arange(first, first + count, device=device)
        self._keys.copy_(keys(self._seed, Stream.DROPOUT, place, update, len(self._layers)).T)
