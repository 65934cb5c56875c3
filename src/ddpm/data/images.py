"""What readers on a device see of a split: its images by their places, wherever they are stored."""

from __future__ import annotations

import collections
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

# Batches that are read while the device computes: one that is ready, and one that is being read.
BATCHES_AHEAD = 2


class Images:
    """The images of a split.

    Those in an array are gathered by the processor, for a GPU in pinned memory, so that neither the host nor
    the device waits for the copy. Of an array that is a memory map, only the images asked for are read.

    Args:
        pixels: uint8 [N, C, H, W] in [0, 255]: a tensor on the device that reads them, or an array.
        device: that reads them; of a tensor, its own.

    Attributes:
        image_shape: C, H, W.
        device: where images are given.
        index_device: where their places are looked up; those of the processor are accepted in any case.
    """

    def __init__(self, pixels: Tensor | np.ndarray, device: str | torch.device = "cpu") -> None:
        self._pixels = pixels
        self.image_shape: tuple[int, ...] = tuple(pixels.shape[1:])
        self.device, self.index_device = torch.device(device), torch.device("cpu")
        if isinstance(pixels, Tensor):
            self.device = self.index_device = pixels.device

    def __len__(self) -> int:
        return len(self._pixels)

    def rows(self, index: Tensor) -> Tensor:
        """The images at places 0..N-1, int64 of any shape: uint8 [*index.shape, C, H, W] on `device`."""
        if isinstance(self._pixels, Tensor):
            return self._pixels[index]
        return self._to_device(self._gathered(index))

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """`rows` of one index tensor after another; of an array, the next ones are read ahead in a thread.

        Args:
            indices: finitely or infinitely many; asked for in the thread.
        """
        if isinstance(self._pixels, Tensor):
            return map(self.rows, indices)
        return self._read_ahead(map(self._gathered, indices))

    def _read_ahead(self, batches: Iterator[Tensor]) -> Iterator[Tensor]:
        with ThreadPoolExecutor(1, "images") as thread:
            ahead = collections.deque(thread.submit(next, batches, None) for _ in range(BATCHES_AHEAD))
            while (batch := ahead.popleft().result()) is not None:
                ahead.append(thread.submit(next, batches, None))
                yield self._to_device(batch)

    def _gathered(self, index: Tensor) -> Tensor:
        assert not isinstance(self._pixels, Tensor)
        shape = *index.shape, *self.image_shape
        rows = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        self._pixels.take(index.numpy(), axis=0, out=rows.numpy())
        return rows

    def _to_device(self, rows: Tensor) -> Tensor:
        return rows.to(self.device, non_blocking=True)
