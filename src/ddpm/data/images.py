"""What readers on a device see of a split: its images by their places, wherever they are stored."""

from __future__ import annotations

import abc
import collections
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TYPE_CHECKING

import torch
from torch import Tensor

if TYPE_CHECKING:
    import numpy as np

# Batches that are read while the device computes: one that is ready, and one that is being read.
BATCHES_AHEAD = 2


class Images(abc.ABC):
    """The images of a split, uint8 [N, C, H, W] in [0, 255].

    Attributes:
        image_shape: C, H, W.
        device: where images are given.
        index_device: where indices are used: given there, they are not copied. The processor's always do.
    """

    image_shape: tuple[int, ...]
    device: torch.device
    index_device: torch.device

    @abc.abstractmethod
    def __len__(self) -> int:
        """N."""

    @abc.abstractmethod
    def rows(self, index: Tensor) -> Tensor:
        """The images at some places.

        Args:
            index: int64 of any shape, in 0..N-1.

        Returns:
            uint8 [*index.shape, C, H, W] on `device`.
        """

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """`rows` of one index tensor after another; those of the next may be read in the meantime."""
        return map(self.rows, indices)


class DeviceImages(Images):
    """Images in one tensor on the device that reads them.

    Args:
        pixels: uint8 [N, C, H, W].
    """

    def __init__(self, pixels: Tensor) -> None:
        self._pixels = pixels
        self.image_shape = tuple(pixels.shape[1:])
        self.device = self.index_device = pixels.device

    def __len__(self) -> int:
        return len(self._pixels)

    def rows(self, index: Tensor) -> Tensor:
        """See `Images.rows`."""
        return self._pixels[index]


class ArrayImages(Images):
    """Images in an array in memory or, for sets larger than that, in a memory map of a file.

    The processor gathers them, in a thread where they are streamed. What goes to a GPU is gathered in pinned
    memory, so that neither the host nor the device waits for the copy.

    Args:
        array: uint8 [N, C, H, W].
        device: that reads them.
    """

    def __init__(self, array: np.ndarray, device: str | torch.device = "cpu") -> None:
        self._array = array
        self.image_shape = array.shape[1:]
        self.device, self.index_device = torch.device(device), torch.device("cpu")

    def __len__(self) -> int:
        return len(self._array)

    def rows(self, index: Tensor) -> Tensor:
        """See `Images.rows`."""
        return self._copied(self._gathered(index))

    def stream(self, indices: Iterable[Tensor]) -> Iterator[Tensor]:
        """See `Images.stream`; `indices` are asked for in the thread."""
        remaining = iter(indices)
        with ThreadPoolExecutor(1, "images") as thread:
            ahead: collections.deque[Future[Tensor | None]] = collections.deque()
            for _ in range(BATCHES_AHEAD):
                ahead.append(thread.submit(self._gathered_next, remaining))
            while (rows := ahead.popleft().result()) is not None:
                ahead.append(thread.submit(self._gathered_next, remaining))
                yield self._copied(rows)

    def _gathered_next(self, indices: Iterator[Tensor]) -> Tensor | None:
        index = next(indices, None)
        return None if index is None else self._gathered(index)

    def _gathered(self, index: Tensor) -> Tensor:
        shape = *index.shape, *self.image_shape
        rows = torch.empty(shape, dtype=torch.uint8, pin_memory=self.device.type == "cuda")
        self._array.take(index.numpy(), axis=0, out=rows.numpy())
        return rows

    def _copied(self, rows: Tensor) -> Tensor:
        return rows.to(self.device, non_blocking=True)
