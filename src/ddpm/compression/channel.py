"""Sending a sample of q by the number of a candidate drawn from p: the Poisson functional representation.

Candidates z_1, z_2, ... ~ p = N(0, I) are shared randomness, T_1 < T_2 < ... the arrival times of a Poisson
process. The sender picks N = argmin_i T_i / w(z_i) with w = q / p; then z_N is distributed as q exactly, and
N takes about KL(q || p) + log2(KL + 1) + 3 bits (Li and El Gamal, "Strong functional representation lemma",
IEEE Trans. Inf. Theory 2018). The receiver looks up z_N: no arithmetic of the sender's needs to be repeated.

All is in coordinates whitened by p: z = (x_s - mean of p) / sigma, where q = N(m, rho2 I), rho2 <= 1.
"""

from __future__ import annotations

import dataclasses
import functools
import itertools
import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ddpm.compression.codebook import ROWS, UNIT, WIDTH, StepKeys, codebook
from ddpm.random_numbers import splitmix64

# A chunk is searched in 2^(KL + _ROOM) candidates, by which the truncated search is as good as an endless
# one.
_ROOM = 8
_FEWEST = 1024
_MOST_ROUNDS = 16
MOST_CANDIDATES = _MOST_ROUNDS * ROWS
# Arrival times: so many gaps are drawn afresh for each chunk, the rest from a pool, by when they hardly
# matter.
_FRESH = 256
_POOL = 64


@dataclasses.dataclass(frozen=True)
class Chunk:
    """Dimensions that one index is sent for.

    Attributes:
        first, last: the first and one-past-last of the D mixed dimensions.
        blocks: for each block of at most WIDTH of them: its number within the step, first and one-past-last.
    """

    first: int
    last: int
    blocks: tuple[tuple[int, int, int], ...]


def chunks(dimensions: int, count: int) -> list[Chunk]:
    """D dimensions cut into `count` chunks as equal as can be."""
    ends = [dimensions * i // count for i in range(count + 1)]
    found, block = [], 0
    for first, last in itertools.pairwise(ends):
        starts = range(first, last, WIDTH)
        parts = tuple((block + i, start, min(start + WIDTH, last)) for i, start in enumerate(starts))
        found.append(Chunk(first, last, parts))
        block += len(parts)
    return found


def gaussian_kl_bits(mean: np.ndarray, rho2: float) -> np.ndarray:
    """KL(N(m, rho2) || N(0, 1)) of each dimension, bits, of the shape of `mean`."""
    return (rho2 - 1 - math.log(rho2) + mean.astype(np.float64) ** 2) / (2 * math.log(2))


def choose_candidates(
    mean: np.ndarray, rho2: float, parts: Sequence[Chunk], keys: StepKeys, device: str = "cpu"
) -> np.ndarray:
    """The index N - 1 of each chunk's candidate.

    Args:
        mean: m in mixed dimensions, float32 [D].
        rho2: in (0, 1].
        parts: the chunks.
        keys: the image's at this step.
        device: where the candidates are compared.

    Returns:
        int64 [chunks], below MOST_CANDIDATES.
    """
    kl = gaussian_kl_bits(mean, rho2)
    counts = [_candidate_count(float(kl[part.first : part.last].sum())) for part in parts]
    best = np.full(len(parts), np.inf)
    index = np.zeros(len(parts), np.int64)
    search = _Search(mean / np.float32(rho2), (1 / rho2 - 1) / 2, keys, parts[-1].blocks[-1][0] + 1, device)
    for number in range(-(-max(counts) // ROWS)):
        for i, part in enumerate(parts):
            if (count := min(ROWS, counts[i] - number * ROWS)) > 0:
                value, where = search.best(i, part, number, count)
                if value < best[i]:
                    best[i], index[i] = value, number * ROWS + where
    return index


def candidates(index: np.ndarray, parts: Sequence[Chunk], keys: StepKeys) -> np.ndarray:
    """The chosen candidates z, no longer mixed, float32 [D]; exact on every machine.

    Args:
        index: int64 [chunks], of `choose_candidates`.
        parts, keys: as there.
    """
    book, z = codebook("cpu"), np.empty(parts[-1].last, np.int32)
    blocks = parts[-1].blocks[-1][0] + 1
    for number in np.unique(index // ROWS):
        starts, signs = keys.starts_and_signs(blocks, int(number))
        for i in np.flatnonzero(index // ROWS == number).tolist():
            for block, first, last in parts[i].blocks:
                row = (int(index[i]) + int(starts[block])) & (ROWS - 1)
                z[first:last] = book.row(row, last - first) * signs[block, : last - first]
    return keys.mixing.unmix(z, UNIT)


def _candidate_count(kl: float) -> int:
    """How many candidates a chunk of this KL (bits) is searched in."""
    return min(MOST_CANDIDATES, max(_FEWEST, 1 << math.ceil(min(kl, 30.0) + _ROOM)))


class _Search:
    """The candidates of one image's chunks at one step.

    Args:
        tilt: m / rho2, float32 [D]: weights of z in ln w.
        curvature: (1 / rho2 - 1) / 2: weight of -z^2 in ln w.
        keys: the image's at this step.
        blocks: of all chunks together.
        device: where the candidates are compared.
    """

    def __init__(self, tilt: np.ndarray, curvature: float, keys: StepKeys, blocks: int, device: str) -> None:
        self._tilt, self._curvature, self._keys, self._blocks = tilt, curvature, keys, blocks
        self._book, self._device = codebook(device), device
        self._last: dict[int, float] = {}
        self._round = -1

    def best(self, chunk: int, part: Chunk, number: int, count: int) -> tuple[float, int]:
        """The least of ln T_i - ln w(z_i) (up to a constant) among a round's first candidates, and its place.

        The rounds of a chunk must be asked in turn.
        """
        if number != self._round:
            self._round = number
            self._starts, self._signs = self._keys.starts_and_signs(self._blocks, number)
        scores = self._log_arrivals(chunk, number, count)
        for block, first, last in part.blocks:
            weights = torch.from_numpy(
                self._tilt[first:last] * self._signs[block, : last - first].astype(np.float32)
            ).to(self._device)
            # Candidate i is the row i + start, and rows beyond the last go on at the first.
            start = int(self._starts[block])
            cut = min(count, ROWS - start)
            self._subtract(scores[:cut], weights, start)
            if cut < count:
                self._subtract(scores[cut:], weights, 0)
        value, where = torch.min(scores, dim=0)
        return float(value), int(where)

    def _subtract(self, scores: Tensor, weights: Tensor, row: int) -> None:
        """Subtracts ln w of the rows from `row` on from `scores`, in place."""
        rows, width = slice(row, row + len(scores)), len(weights)
        scores.addmv_(self._book.columns[:width, rows].T, weights, alpha=-1)
        scores.add_(self._book.squares[width, rows], alpha=self._curvature)

    def _log_arrivals(self, chunk: int, number: int, count: int) -> Tensor:
        """ln T_i of a round's first candidates, float32 [count]."""
        words = splitmix64(torch.tensor([self._keys.arrivals ^ (chunk << 8 | number)]), _FRESH + 1)[0]
        fresh = _exponential(words[:_FRESH]).cumsum(0) + self._last.get(chunk, 0.0)
        last = float(fresh[-1])
        pooled = _pool(self._device)[int(words[_FRESH]) % _POOL]
        self._last[chunk] = last + float(pooled[-1])
        return torch.cat([fresh.float().to(self._device), pooled[: count - _FRESH] + last]).log_()


def _exponential(words: Tensor) -> Tensor:
    """Exponential numbers of mean 1 from 64-bit words, float64."""
    return -torch.log(((words >> 12) & (2**52 - 1)).double().add(0.5) * 2.0**-52)


@functools.lru_cache(maxsize=2)
def _pool(device: str) -> Tensor:
    """Sums of exponential gaps, float32 [_POOL, ROWS - _FRESH]."""
    generator = torch.Generator().manual_seed(0)
    gaps = torch.empty(_POOL, ROWS - _FRESH, dtype=torch.float64).exponential_(generator=generator)
    return gaps.cumsum(dim=1).float().to(device)
