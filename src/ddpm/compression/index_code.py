"""The code of a step's indices: how many chunks, then for each the magnitude of its index and the bits below.

Frequencies were counted on training images; the schedule carries them.
"""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import numpy as np
from constriction import stream as coding

from ddpm.compression.channel import MOST_CANDIDATES
from ddpm.compression.range_code import StreamDecoder, StreamEncoder

MAGNITUDES = MOST_CANDIDATES.bit_length()


@dataclasses.dataclass(frozen=True)
class IndexCode:
    """What is known of a step's chunks beforehand.

    Attributes:
        counts: numbers of chunks to choose from, ascending.
        count_frequencies: how often each was chosen, positive integers.
        magnitude_frequencies: how often floor(log2 N) was 0, 1, ..., positive integers [MAGNITUDES].
    """

    counts: tuple[int, ...]
    count_frequencies: tuple[int, ...]
    magnitude_frequencies: tuple[int, ...]

    def __post_init__(self) -> None:
        if len(self.counts) != len(self.count_frequencies) or len(self.magnitude_frequencies) != MAGNITUDES:
            raise ValueError("an index code has a frequency for each count and each magnitude")
        if min(*self.counts, *self.count_frequencies, *self.magnitude_frequencies) < 1:
            raise ValueError("counts and frequencies must be positive")

    def send_count(self, stream: StreamEncoder, count: int) -> None:
        """Sends how many chunks follow."""
        if len(self.counts) > 1:
            stream.encode(np.array([self.counts.index(count)]), self._count_model)

    def receive_count(self, stream: StreamDecoder) -> int:
        """How many chunks follow; raises EndOfPrefix."""
        return self.counts[0 if len(self.counts) == 1 else int(stream.decode(1, self._count_model)[0])]

    def send_indices(self, stream: StreamEncoder, index: np.ndarray) -> None:
        """Sends N - 1 of each chunk, int64 [chunks]."""
        number = index + 1
        magnitude = np.frexp(number.astype(np.float64))[1] - 1
        stream.encode(magnitude, self._magnitude_model)
        size = (1 << magnitude).astype(np.int32)
        stream.encode((number - size)[size > 1], coding.model.Uniform(), size[size > 1])

    def receive_indices(self, stream: StreamDecoder, count: int) -> np.ndarray:
        """N - 1 of each chunk, int64 [count]; raises EndOfPrefix."""
        size = (1 << stream.decode(count, self._magnitude_model)).astype(np.int32)
        number = size.astype(np.int64)
        number[size > 1] += stream.decode(int((size > 1).sum()), coding.model.Uniform(), size[size > 1])
        return number - 1

    @functools.cached_property
    def _count_model(self) -> Any:
        return _categorical(self.count_frequencies)

    @functools.cached_property
    def _magnitude_model(self) -> Any:
        return _categorical(self.magnitude_frequencies)


def _categorical(frequencies: tuple[int, ...]) -> Any:
    return coding.model.Categorical(np.array(frequencies, np.float64), perfect=False)
