"""Shared randomness: candidates z ~ N(0, I) that sender and receiver make alike on any machine.

Their values are 16-bit words looked up in a table of Gaussian bin centres, so no logarithm or sine of a
machine enters them. One codebook serves all chunks: the keys of an image, a step and a block of dimensions
choose where in it the candidates begin and which signs they have, so that no two images share their
candidates.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
from statistics import NormalDist

import numpy as np
import torch
from torch import Tensor

from ddpm.compression.mixing import Mixing
from ddpm.random_numbers import Stream, keys, splitmix64

ROWS = 1 << 16
WIDTH = 64
_WORDS = 1 << 16
UNIT = 4096  # of the table: bin centres are multiples of 1 / 4096
_TABLE_SHA256 = "1ea009ce409dac97d6bd609266910f809c5fb912f78e16bd89145b08174d6fc5"
_SEED = 0


def gaussian_table() -> np.ndarray:
    """Centres of 65,536 equally likely bins of N(0, 1), in multiples of 1/4096, int16 [65536].

    Raises:
        RuntimeError: this machine's arithmetic gives other values than those that files were made with.
    """
    inverse = NormalDist().inv_cdf
    half = np.array([round(UNIT * inverse(0.5 + (i + 0.5) / _WORDS)) for i in range(_WORDS // 2)], np.int16)
    table = np.concatenate([-half[::-1], half])
    if (found := hashlib.sha256(table.astype("<i2").tobytes()).hexdigest()) != _TABLE_SHA256:
        raise RuntimeError(f"the table of Gaussian values has hash {found}, not that of the format")
    return table


@dataclasses.dataclass(frozen=True)
class Codebook:
    """The rows that candidates are made of.

    Attributes:
        columns: float32 [WIDTH, ROWS]: column-major, so that the first dimensions of all rows lie together.
        squares: float32 [WIDTH + 1, ROWS]: sum of squares of each row's first d values, at [d].
    """

    columns: Tensor
    squares: Tensor

    def row(self, row: int, width: int) -> np.ndarray:
        """The first values of a row in units of 1 / UNIT, int32 [width]."""
        return (self.columns[:width, row].cpu().numpy() * UNIT).astype(np.int32)


@functools.lru_cache(maxsize=2)
def codebook(device: str) -> Codebook:
    """The codebook of the format, on a device."""
    words = splitmix64(torch.tensor([_SEED]), ROWS * WIDTH // 4)
    shifts = torch.tensor([0, 16, 32, 48])
    index = ((words.reshape(-1, 1) >> shifts) & 0xFFFF).reshape(ROWS, WIDTH)
    table = torch.from_numpy(gaussian_table().astype(np.float32) / UNIT)
    columns = table[index].T.contiguous()
    squares = torch.cat([torch.zeros(1, ROWS), columns.square().cumsum(dim=0)])
    return Codebook(columns.to(device), squares.to(device))


@dataclasses.dataclass(frozen=True)
class StepKeys:
    """Shared randomness of one image at one step, from the image's key alone.

    Attributes:
        mixing: the rotation of the D dimensions.
        candidates: key of where each block's candidates begin and of their signs.
        arrivals: key of the arrival times, which the sender alone needs.
    """

    mixing: Mixing
    candidates: int
    arrivals: int

    def starts_and_signs(self, blocks: int, round_number: int) -> tuple[np.ndarray, np.ndarray]:
        """For each block its first row, int64 [blocks], and signs, int32 [blocks, WIDTH]."""
        key = torch.tensor([self.candidates ^ round_number])
        words = splitmix64(key, 2 * blocks)[0].numpy()
        bits = (words[1::2, None] >> np.arange(WIDTH)) & 1
        return words[::2] & (ROWS - 1), (1 - 2 * bits).astype(np.int32)


def step_keys(image: int, step: int, dimensions: int) -> StepKeys:
    """The shared randomness of an image.

    Args:
        image: its key, in [0, 2^32).
        step: number of the step in the schedule.
        dimensions: D.
    """
    order, candidates, arrivals = keys(_SEED, Stream.CODE, torch.tensor([image]), step, 3)[0].tolist()
    ranks = splitmix64(torch.tensor([order]), dimensions)[0].numpy()
    # The order does not tell the signs: they are bits of numbers whose ranks the low bits hardly touch.
    mixing = Mixing(np.argsort(ranks, kind="stable"), (1 - 2 * (ranks & 1)).astype(np.int32))
    return StepKeys(mixing, candidates, arrivals)
