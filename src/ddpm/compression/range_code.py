"""The stream of one image in progressive mode: a range coder's bytes, of which any prefix can be decoded.

Coding is `constriction`'s (queue). A continuation of a prefix is a number between the prefix filled up with
zero bits and the prefix filled up with ones; as decoding follows the order of numbers, what both of these
decode to is what every continuation decodes to.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from constriction import stream as coding

_FILL = 8  # words that a prefix is filled up with: more than the coder looks ahead


class EndOfPrefix(Exception):
    """The bytes at hand do not determine the next symbols."""


class StreamEncoder:
    """Encodes symbols, and keeps account of their bits."""

    def __init__(self) -> None:
        self._encoder = coding.queue.RangeEncoder()
        self._sent: list[tuple[Any, ...]] = []

    @property
    def bits(self) -> float:
        """Information sent so far, bits: what the coder's interval has shrunk by."""
        position, (_, size) = self._encoder.pos()
        return 32.0 * position + 64.0 - math.log2(size)

    def encode(self, symbols: np.ndarray, model: Any, *parameters: np.ndarray) -> None:
        """Appends symbols (int32 [n]) under a model, or under a family of models with its parameters."""
        if len(symbols):
            self._encoder.encode(symbols.astype(np.int32), model, *parameters)
            self._sent.append((symbols, model, *parameters))

    def finish(self) -> bytes:
        """The shortest bytes that decode to the symbols, filled up with zero bits."""
        whole = self._encoder.get_compressed().astype(">u4").tobytes()
        best = whole
        for length in range(max(0, len(whole) - 8), len(whole)):
            value = int.from_bytes(whole[:length], "big")
            for number in (value, value + 1):
                if number >> (8 * length) == 0 and self._decodes(found := number.to_bytes(length, "big")):
                    return found
        return best

    def _decodes(self, stream: bytes) -> bool:
        decoder = StreamDecoder(stream, whole=True)
        try:
            return all(
                np.array_equal(decoder.decode(len(symbols), *model), symbols)
                for symbols, *model in self._sent
            )
        except EndOfPrefix:
            return False


class StreamDecoder:
    """Decodes symbols from a stream or a prefix of one.

    Args:
        stream: the bytes.
        whole: whether they are all that `StreamEncoder.finish` gave.
    """

    def __init__(self, stream: bytes, *, whole: bool) -> None:
        fillings = (b"\0",) if whole else (b"\0", b"\xff")
        self._decoders = [coding.queue.RangeDecoder(_words(stream, filling)) for filling in fillings]

    def decode(self, count: int, model: Any, *parameters: np.ndarray) -> np.ndarray:
        """The next symbols, int32 [count].

        Raises:
            EndOfPrefix: the bytes do not determine them, or are no stream of these models.
        """
        if not count:
            return np.zeros(0, np.int32)
        try:
            found = [decoder.decode(model, *(parameters or (count,))) for decoder in self._decoders]
        except (AssertionError, ValueError) as error:
            raise EndOfPrefix from error
        if any(not np.array_equal(found[0], other) for other in found[1:]):
            raise EndOfPrefix
        return found[0]


def _words(stream: bytes, filling: bytes) -> np.ndarray:
    """The stream as words, filled up."""
    return np.frombuffer(stream + filling * (-len(stream) % 4 + 4 * _FILL), ">u4").astype(np.uint32)
