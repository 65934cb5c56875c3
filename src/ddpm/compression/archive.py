"""Bits-back coding of a set of images at the bound's own cost: a chain of latents on stacks of bits.

The order is that of Bit-Swap (Kingma, Abbeel and Ho, ICML 2019): pop x_t1 given x_0, push x_0 given x_t1, pop
x_t2 given x_t1, push x_t1 given x_t2, ..., push x_T. As q(x_r | x_s) needs no x_0, one latent's bits are all
that must lie there at the start. What is pushed and not popped is the bound in the form of Eq. 3, whose mean
is that of Eq. 5.

Several stacks stand side by side, so that the network sees batches.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np
import torch
from constriction import stream as coding

from ddpm.compression.decoder import LEVELS, decoder_parameters, grey_levels
from ddpm.compression.model import CodingModel
from ddpm.compression.stack import Coder, Stack, StackExhausted, initial_words
from ddpm.data.scaling import to_model

_FINENESS = 8  # grid points of a latent in a deviation of q, or of p if that is smaller
_Q_WINDOW, _P_WINDOW, _PRIOR_WINDOW = 8.0, 25.0, 12.0  # deviations; beyond them a latent is not coded
_INITIAL_WORDS = 64  # of a stack, and two for each dimension: more than a latent takes


@dataclasses.dataclass(frozen=True)
class Latent:
    """The grid of x_s, and its distributions.

    Attributes:
        t: s, in 0..T-1.
        spacing: of the grid.
        from_below: sqrt(alpha-bar_s / alpha-bar_s'), the factor of x_s' in the mean of q(x_s | x_s'), s' < s.
        q_deviation, p_deviation: of q(x_s | x_s') and p(x_s | x_r), in grid points.
    """

    t: int
    spacing: float
    from_below: float
    q_deviation: float
    p_deviation: float

    def value(self, points: np.ndarray) -> np.ndarray:
        """x_s, float32, of grid points, int64."""
        return (points * self.spacing).astype(np.float32)

    @property
    def q_bits(self) -> float:
        """Entropy of a grid point under q, bits."""
        return math.log2(self.q_deviation * math.sqrt(2 * math.pi * math.e))

    def q_mean(self, below: np.ndarray) -> np.ndarray:
        """Mean of q(x_s | x_s') in grid points, float64, of x_s', float64."""
        return below * (self.from_below / self.spacing)


@dataclasses.dataclass(frozen=True)
class Archived:
    """A set of images as stacks.

    Attributes:
        stacks: the words of each, uint32, the bottom first.
        raw: of each image, whether it was stored without the model, bool [n].
        initial_bits: bits of all stacks that are not of the images: decoding leaves them.
        bits: all bits of all stacks.
        rounding: bits that fill up the topmost word of each stack, not among `bits`.
    """

    stacks: tuple[np.ndarray, ...]
    raw: np.ndarray
    initial_bits: int
    bits: int
    rounding: int = 0


def _no_telling(images: int) -> None:
    pass


def archive(model: CodingModel, pixels: np.ndarray, told: Callable[[int], None] = _no_telling) -> Archived:
    """Codes images onto `model.batch_size` stacks, or as many as there are images.

    Args:
        model: the model with its schedule.
        pixels: uint8 [n, C, H, W].
        told: called with the number of images after each network call.
    """
    count = min(model.batch_size, len(pixels))
    size = _INITIAL_WORDS + 2 * int(np.prod(pixels.shape[1:]))
    stacks = [Stack(initial_words(i, size), sealed=False) for i in range(count)]
    chain, raw = _Chain(model, pixels.shape[1:]), np.zeros(len(pixels), bool)
    # The last round first: a stack gives back first what came last.
    for first in reversed(range(0, len(pixels), count)):
        part = pixels[first : first + count]
        raw[first : first + count] = chain.push(stacks[: len(part)], part, first, told)
    kept = [stack.kept() for stack in stacks]
    # Besides the words, the one that `constriction` seals a stack with.
    initial = sum(32 * (size + 1 - cut) for _, cut in kept)
    words = tuple(found for found, _ in kept)
    bits = sum(stack.bits - 32 * cut for stack, (_, cut) in zip(stacks, kept, strict=True))
    return Archived(words, raw, initial, bits, 32 * sum(map(len, words)) - bits)


def restore(
    model: CodingModel,
    archived: Archived,
    shape: tuple[int, int, int],
    told: Callable[[int], None] = _no_telling,
) -> list[np.ndarray | None]:
    """The images of an archive, uint8 [C, H, W] each; None where a stack's bits do not go so far.

    Args:
        model, told: as for `archive`, the batch size too.
        archived: stacks and flags.
        shape: (C, H, W).
    """
    stacks, chain = [_opened(words) for words in archived.stacks], _Chain(model, shape)
    images: list[np.ndarray | None] = []
    if not stacks:
        return [None] * len(archived.raw)
    for first in range(0, len(archived.raw), len(stacks)):
        flags = archived.raw[first : first + len(stacks)]
        images += chain.pop(stacks[: len(flags)], flags, first, told)
    return images


def _opened(words: np.ndarray) -> Stack:
    """A stack of a file; an empty one if they are no stack."""
    try:
        return Stack(words, sealed=True)
    except StackExhausted:
        return Stack(np.zeros(0, np.uint32), sealed=True)


class _Chain:
    """The latents of a model, from the one next to x_0 up to x_T."""

    def __init__(self, model: CodingModel, shape: tuple[int, ...]) -> None:
        self._model, self._shape, self._size = model, tuple(shape), int(np.prod(shape))
        self._latents = _latents(model)

    def push(
        self, stacks: list[Stack], pixels: np.ndarray, first: int, told: Callable[[int], None]
    ) -> np.ndarray:
        """Codes one image onto each stack, from image `first` on; returns which were stored raw, bool [n]."""
        coders = [Coder(stack, first + i) for i, stack in enumerate(stacks)]
        points, below = pixels.reshape(len(pixels), -1).astype(np.int64), _scaled(pixels)
        for number, latent in enumerate(self._latents):
            for coder in coders:
                coder.whiten(self._size * latent.q_bits, number)
            popped = [
                coder.pop_near(latent.q_mean(below[i]), latent.q_deviation, _Q_WINDOW)
                for i, coder in enumerate(coders)
            ]
            x_0_hat = self._predict(latent, np.stack(popped))
            told(len(coders))
            for i, coder in enumerate(coders):
                if number == 0:
                    coder.push(points[i], grey_levels(), *self._decoder(x_0_hat[i]))
                else:
                    lower = self._latents[number - 1]
                    mean = self._p_mean(number, latent.value(popped[i]), x_0_hat[i])
                    coder.push_near(points[i], mean, lower.p_deviation, _P_WINDOW)
            points = np.stack(popped)
            below = points * latent.spacing
        for coder, point in zip(coders, points, strict=True):
            coder.push_near(point, np.zeros(self._size), self._latents[-1].p_deviation, _PRIOR_WINDOW)
        for stack, coder, image in zip(stacks, coders, pixels, strict=True):
            if coder.failed:
                coder.undo()
                stack.push(image.reshape(-1), coding.model.Uniform(LEVELS))
        return np.array([coder.failed for coder in coders])

    def pop(
        self, stacks: list[Stack], raw: np.ndarray, first: int, told: Callable[[int], None]
    ) -> list[np.ndarray | None]:
        """Decodes one image from each stack: the same the other way round."""
        coders = [Coder(stack, first + i) for i, stack in enumerate(stacks)]
        stored = [
            coder.pop(self._size, coding.model.Uniform(LEVELS)) if flag else None
            for coder, flag in zip(coders, raw, strict=True)
        ]
        chained = [i for i in range(len(coders)) if not raw[i]]
        points = np.zeros((len(coders), self._size), np.int64)
        for i in chained:
            deviation = self._latents[-1].p_deviation
            points[i] = coders[i].pop_near(np.zeros(self._size), deviation, _PRIOR_WINDOW)
        for number, latent in reversed(list(enumerate(self._latents)) if chained else []):
            x_0_hat = self._predict(latent, points)
            told(len(coders))
            lower = np.zeros_like(points)
            for i in chained:
                if number == 0:
                    lower[i] = coders[i].pop(self._size, grey_levels(), *self._decoder(x_0_hat[i]))
                    below = _scaled(lower[i : i + 1].astype(np.uint8))[0]
                else:
                    mean = self._p_mean(number, latent.value(points[i]), x_0_hat[i])
                    lower[i] = coders[i].pop_near(mean, self._latents[number - 1].p_deviation, _P_WINDOW)
                    below = lower[i] * self._latents[number - 1].spacing
                coders[i].push_near(points[i], latent.q_mean(below), latent.q_deviation, _Q_WINDOW)
                coders[i].whiten(self._size * latent.q_bits, number)
            points = lower
        found = [points[i] if symbols is None else symbols for i, symbols in enumerate(stored)]
        return [
            None if coder.failed else image.astype(np.uint8).reshape(self._shape)
            for coder, image in zip(coders, found, strict=True)
        ]

    def _predict(self, latent: Latent, points: np.ndarray) -> np.ndarray:
        """x_0-hat at grid points [n, D], float32 [n, D]."""
        x_t = latent.value(points).reshape(len(points), *self._shape)
        return self._model.predict_x_0(x_t, latent.t).reshape(len(points), -1)

    def _decoder(self, x_0_hat: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return decoder_parameters(x_0_hat, self._model.schedule.variances[-1])

    def _p_mean(self, number: int, x_r: np.ndarray, x_0_hat: np.ndarray) -> np.ndarray:
        """Mean of p(x_s | x_r) in grid points of x_s, the latent below that of this number, float64 [D]."""
        transition = self._model.transitions[len(self._latents) - number]
        mean = transition.c_0 * x_0_hat.astype(np.float64) + transition.c_r * x_r.astype(np.float64)
        return mean / self._latents[number - 1].spacing


def _scaled(pixels: np.ndarray) -> np.ndarray:
    """Images on [-1, 1], float64 [n, D]."""
    return to_model(torch.from_numpy(pixels)).numpy().reshape(len(pixels), -1).astype(np.float64)


def _latents(model: CodingModel) -> list[Latent]:
    """The grids, upwards: of the last time of the schedule first."""
    alpha_bar, times, transitions = model.alpha_bar, model.schedule.times, model.transitions
    found, lower = [], 1.0
    for t, transition in zip(reversed(times), reversed(transitions), strict=True):
        q = math.sqrt(1 - alpha_bar[t] / lower)
        p = math.sqrt(transition.variance)
        spacing = min(q, p) / _FINENESS
        found.append(Latent(t, spacing, math.sqrt(alpha_bar[t] / lower), q / spacing, p / spacing))
        lower = alpha_bar[t]
    return found
