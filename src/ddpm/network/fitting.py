"""A trained network that is called with as many images at once as the GPU's memory holds."""

from __future__ import annotations

import logging

import torch
from torch import Tensor

from ddpm.network.unet import UNet

logger = logging.getLogger("ddpm")


class FittingNetwork:
    """Calls a network with whole batches, or in parts where a whole one exceeds the GPU's memory.

    The parts are half as large as the call that failed, again and again if need be, and stay so for all calls
    that follow. Noise belongs to images, not to batches, so the results are the same up to rounding; their
    provenance tells the size (`provenance`).

    Args:
        network: in evaluation mode; no gradient passes through it here.

    Attributes:
        image_shape: the network's (C, H, W).
        largest: images in one call; None as long as every batch has fitted.
    """

    def __init__(self, network: UNet) -> None:
        self.network = network
        self.image_shape = network.image_shape
        self.largest: int | None = None

    def __call__(self, x: Tensor, index: Tensor) -> Tensor:
        """X_t float32 [B, C, H, W] and index int64 [B] to [B, output_multiple C, H, W].

        Raises:
            torch.OutOfMemoryError: a single image exceeds the memory.
        """
        while True:
            # The error is gone, with all tensors that its frames held, before the next attempt.
            if (result := self._attempt(x, index)) is not None:
                return result
            torch.cuda.empty_cache()

    def _attempt(self, x: Tensor, index: Tensor) -> Tensor | None:
        """The result, or None if the memory was exceeded and a smaller part can be tried."""
        size = min(len(x), self.largest or len(x))
        try:
            pairs = zip(x.split(size), index.split(size), strict=True)
            # A compiled network's output lies in memory that its next call overwrites.
            parts = [self.network(*pair).clone() for pair in pairs]
            return parts[0] if len(parts) == 1 else torch.cat(parts)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            self.largest = -(-size // 2)
        logger.warning(
            "%d images at once exceed the GPU's memory: going on with %d at once", size, self.largest
        )
        return None

    def provenance(self) -> dict[str, int]:
        """`network_batch`, the images in one call, if the batches of the settings did not fit."""
        return {} if self.largest is None else {"network_batch": self.largest}
