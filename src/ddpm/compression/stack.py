"""A stack of bits for bits-back coding: symbols are pushed under one model and popped under another.

Coding is `constriction`'s asymmetric numeral systems (stack). A new stack holds pseudo-random initial bits,
of which only those are kept that were ever reached.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from constriction import stream as coding

from ddpm.random_numbers import Stream, keys, splitmix64

_SEED = 0
# Words below the deepest one reached that are kept too: the coder's state takes up to two.
_MARGIN = 3
# Words of the coder's state, which stay as they are.
_STATE = 2
# Step of the keys, beyond those of `ddpm.compression.codebook`.
_ARCHIVE = 1 << 31
# What lies between the pseudo-random bits of an image's latents, and where a stack's initial ones lie.
_SPREAD = 0x5851F42D4C957F2D
_INITIAL = -1


class StackExhausted(Exception):
    """More was popped than there was."""


class Stack:
    """One stack.

    Args:
        words: uint32, the bottom first: initial ones, or those of a file.
        sealed: whether they are those of a file (`kept`).

    Raises:
        StackExhausted: they are no stack.
    """

    def __init__(self, words: np.ndarray, *, sealed: bool) -> None:
        try:
            self._coder = coding.stack.AnsCoder(np.ascontiguousarray(words, np.uint32), seal=not sealed)
        except (AssertionError, ValueError) as error:
            raise StackExhausted from error
        self._least = self._coder.num_words()

    @property
    def bits(self) -> int:
        """Its length, bits."""
        return self._coder.num_valid_bits()

    def push(self, symbols: np.ndarray, model: Any, *parameters: np.ndarray) -> None:
        """Pushes symbols, int32 [n], under a model or a family of models with its parameters."""
        self._coder.encode_reverse(symbols.astype(np.int32), model, *parameters)

    def pop(self, count: int, model: Any, *parameters: np.ndarray) -> np.ndarray:
        """Pops symbols, int32 [count]: those that were pushed, or a sample of the model from the bits there.

        Raises:
            StackExhausted: the stack has too few bits; it stays as it was.
        """
        try:
            symbols = self._coder.decode(model, *(parameters or (count,)))
        except (AssertionError, ValueError) as error:
            raise StackExhausted from error
        self._least = min(self._least, self._coder.num_words())
        if self._least < _MARGIN:
            self.push(symbols, model, *parameters)
            raise StackExhausted
        return symbols

    def whiten(self, bits: float, key: int, number: int) -> None:
        """Adds pseudo-random bits (exclusive or) to the topmost `bits` bits; done twice it undoes itself.

        What has been pushed under p is no uniform bits where p is not the true distribution: a latent popped
        from them would depend on the image's own latents, and not be a sample of q. On the demo that cost
        2.5 % of the bound.

        Args:
            bits: how many the next pop will take.
            key: of the image, by `image_key`.
            number: of the latent.
        """
        words = self._coder.get_compressed()
        last = len(words) - _STATE
        first = max(0, last - math.ceil(bits / 32) - 1)
        if first < last:
            words[first:last] ^= _pseudo_random(key, number, last - first)
            self._coder = coding.stack.AnsCoder(words)
            self._least = min(self._least, first + _STATE)

    def kept(self) -> tuple[np.ndarray, int]:
        """The words without those at the bottom that nothing has reached, uint32; and how many these are."""
        cut = max(0, self._least - _MARGIN)
        return self._coder.get_compressed()[cut:], cut

    def has_returned_to(self, words: np.ndarray) -> bool:
        """Whether the stack holds these initial words again, uint32."""
        try:
            return np.array_equal(self._coder.get_compressed(unseal=True), words)
        except (AssertionError, ValueError):
            return False


def initial_words(stack: int, count: int) -> np.ndarray:
    """The first `count` initial words of a stack by its number, uint32, the bottom last.

    They are counted from the top, so that a stack may be given fewer than another and agree with it.
    """
    return _pseudo_random(image_key(stack), _INITIAL, count)[::-1].copy()


def _pseudo_random(key: int, number: int, count: int) -> np.ndarray:
    """uint32 [count] of a key, other ones for each number."""
    start = (key + number * _SPREAD + 2**63) % 2**64 - 2**63
    return (splitmix64(torch.tensor([start]), count)[0].numpy() & 0xFFFFFFFF).astype(np.uint32)


def image_key(image: int) -> int:
    """Key of the pseudo-random bits of an image by its place in the file, or of a stack by its number."""
    return int(keys(_SEED, Stream.CODE, torch.tensor([image]), _ARCHIVE, 1)[0])


class Coder:
    """One image's symbols on a stack: all of them, or none.

    After a symbol that cannot be coded the rest is passed over, and `undo` takes back what was done.

    Attributes:
        failed: whether a symbol could not be coded, or the stack was exhausted.
    """

    def __init__(self, stack: Stack, image: int) -> None:
        self._stack, self._key, self.failed = stack, image_key(image), False
        self._undoing: list[Callable[[], object]] = []

    def push(self, symbols: np.ndarray, *model: Any) -> None:
        """Pushes symbols under a model with its parameters."""
        if not self.failed:
            self._stack.push(symbols, *model)
            self._undoing.append(lambda: self._stack.pop(len(symbols), *model))

    def pop(self, count: int, *model: Any) -> np.ndarray:
        """Pops symbols, int32 [count]; zeros once it has failed."""
        if not self.failed:
            try:
                symbols = self._stack.pop(count, *model)
            except StackExhausted:
                self.failed = True
            else:
                self._undoing.append(lambda: self._stack.push(symbols, *model))
                return symbols
        return np.zeros(count, np.int32)

    def push_near(self, points: np.ndarray, mean: np.ndarray, deviation: float, window: float) -> None:
        """Pushes grid points, int64 [n], under N(mean, deviation^2), fails beyond `window` deviations."""
        centre, model = _offsets(mean, deviation, window)
        offset = points - centre
        if np.abs(offset).max() > _reach(deviation, window):
            self.failed = True
        self.push(offset, *model)

    def pop_near(self, mean: np.ndarray, deviation: float, window: float) -> np.ndarray:
        """Pops grid points, int64 [n], under N(mean, deviation^2) cut at `window` deviations."""
        centre, model = _offsets(mean, deviation, window)
        return self.pop(len(mean), *model) + centre

    def whiten(self, bits: float, number: int) -> None:
        """As `Stack.whiten`."""
        if not self.failed:
            self._stack.whiten(bits, self._key, number)
            self._undoing.append(lambda: self._stack.whiten(bits, self._key, number))

    def undo(self) -> None:
        """Brings the stack back to where it was."""
        while self._undoing:
            self._undoing.pop()()


def _offsets(mean: np.ndarray, deviation: float, window: float) -> tuple[np.ndarray, tuple[Any, ...]]:
    """The nearest grid points to the means, and the model of offsets from them.

    A narrow window around each mean, as every symbol of a model takes 2^-24 of it at least.
    """
    centre, reach = np.rint(mean).astype(np.int64), _reach(deviation, window)
    model = coding.model.QuantizedGaussian(-reach, reach)
    return centre, (model, mean - centre, np.full(len(mean), deviation))


def _reach(deviation: float, window: float) -> int:
    return math.ceil(window * deviation)
