"""A rotation that sender and receiver share, by which all dimensions come to carry about as much.

Where x_0-hat errs, a few dimensions have most of the KL. As q and p are both round about their means, any
rotation of them describes the same channel; a random one (order and signs, then a Walsh-Hadamard transform)
makes chunks of equal length about equally long in bits.
"""

from __future__ import annotations

import dataclasses

import numpy as np


@dataclasses.dataclass(frozen=True)
class Mixing:
    """The rotation of one image at one step.

    Attributes:
        order: int64 [D], a permutation.
        signs: int32 [D], +1 or -1.
    """

    order: np.ndarray
    signs: np.ndarray

    @property
    def block(self) -> int:
        """Length of the transform: the largest power of two that divides D."""
        return len(self.order) & -len(self.order)

    def mix(self, values: np.ndarray) -> np.ndarray:
        """The rotated vector, float32 [D]."""
        mixed = walsh_hadamard((values[self.order] * self.signs).reshape(-1, self.block))
        return (mixed.reshape(-1) / self.block**0.5).astype(np.float32)

    def unmix(self, values: np.ndarray, unit: int) -> np.ndarray:
        """The vector whose rotation is `values` / `unit`, float32 [D], to the bit on every machine.

        Args:
            values: int32 [D], of at most 2^15.
            unit: what stands for 1.
        """
        mixed = walsh_hadamard(values.reshape(-1, self.block)).reshape(-1) * self.signs
        found = np.empty(len(mixed), np.float32)
        found[self.order] = (mixed / (unit * self.block**0.5)).astype(np.float32)
        return found


def walsh_hadamard(rows: np.ndarray) -> np.ndarray:
    """The Walsh-Hadamard transform of each row, unscaled; of integers it is exact.

    Args:
        rows: [n, length], length a power of two.
    """
    count, length = rows.shape
    size = 1
    while size < length:
        pairs = rows.reshape(count, length // (2 * size), 2, size)
        rows = np.stack([pairs[:, :, 0] + pairs[:, :, 1], pairs[:, :, 0] - pairs[:, :, 1]], axis=2)
        size *= 2
    return rows.reshape(count, length)
