"""Random numbers that depend on (seed, stream, image, step) alone: no state, any device, any order.

A counter-based generator (Philox4x32-10; Salmon et al., "Parallel random numbers: as easy as 1, 2,
3", SC 2011) hashes a counter to words. So a sample's noise does not depend on the job, batch or
process that draws it, and a resumed training run sees the noise of the uninterrupted one.
The words are equal on all devices; normal numbers agree up to float32 rounding of log, sin, cos.
"""

from __future__ import annotations

import enum
import math
from typing import Any

import torch
from torch import Tensor

_MASK = 0xFFFFFFFF
_MULTIPLIERS = (0xD2511F53, 0xCD9E8D57)
_KEY_INCREMENTS = (0x9E3779B9, 0xBB67AE85)
_ROUNDS = 10
# Of splitmix64, as signed 64-bit numbers: the increment, and each shift with the mask of what is left and
# the factor that follows.
_INCREMENT = 0x9E3779B97F4A7C15 - 2**64
_MIXING = (
    (30, 2**34 - 1, 0xBF58476D1CE4E5B9 - 2**64),
    (27, 2**37 - 1, 0x94D049BB133111EB - 2**64),
    (31, 2**33 - 1, 1),
)


class Stream(enum.IntEnum):
    """What random numbers are for: streams of one seed are independent of each other."""

    BATCH_ORDER = 0
    TIMESTEP = 1
    TRAINING_NOISE = 2
    FLIP = 3
    DROPOUT = 4
    INITIAL_WEIGHTS = 5
    SAMPLING = 6
    BOUND = 7
    DIFFUSED_SOURCES = 8
    CONTINUATION = 9
    CODE = 10


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[int, int]) -> tuple[Any, Any, Any, Any]:
    """Philox4x32-10.

    Args:
        counter: four integers or int64 tensors, whose shapes broadcast, with values in [0, 2^32).
        key: two integers in [0, 2^32).

    Returns:
        four integers, or four int64 tensors of the broadcast shape, with values in [0, 2^32).
    """
    c0, c1, c2, c3 = counter
    k0, k1 = key
    for _ in range(_ROUNDS):
        # int64 products wrap modulo 2^64; masking the shifted product gives the high word.
        p0, p1 = c0 * _MULTIPLIERS[0], c2 * _MULTIPLIERS[1]
        high0, high1 = (p0 >> 32) & _MASK, (p1 >> 32) & _MASK
        c0, c1, c2, c3 = high1 ^ c1 ^ k0, p1 & _MASK, high0 ^ c3 ^ k1, p0 & _MASK
        k0, k1 = (k0 + _KEY_INCREMENTS[0]) & _MASK, (k1 + _KEY_INCREMENTS[1]) & _MASK
    return c0, c1, c2, c3


def words(
    seed: int, stream: Stream, image: Tensor, step: int | Tensor, count: int
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """`count` blocks of four words for each image.

    Args:
        seed: in [0, 2^63).
        stream: what the numbers are for.
        image: int64 [B] in [0, 2^32): numbers of images.
        step: the timestep or training step; one for all, or int64 [B]; in [0, 2^32).
        count: blocks for each image.

    Returns:
        four int64 tensors [B, count] with values in [0, 2^32).
    """
    block = torch.arange(count, device=image.device)
    # A number stays one: made a tensor on a GPU it would have to be copied there, and waited for.
    step = step.reshape(-1, 1) if isinstance(step, Tensor) else step
    return philox((block, image.reshape(-1, 1), step, int(stream)), (seed & _MASK, seed >> 32))


def normal(seed: int, stream: Stream, image: Tensor, step: int | Tensor, shape: tuple[int, ...]) -> Tensor:
    """Standard normal numbers, float32 [B, *shape], for each image at a step (Box-Muller).

    Args as for `words`.
    """
    size = math.prod(shape)
    w0, w1, w2, w3 = words(seed, stream, image, step, -(-size // 4))
    pairs = (*_box_muller(w0, w1), *_box_muller(w2, w3))
    return torch.stack(pairs, dim=-1).flatten(1)[:, :size].reshape(len(image), *shape)


def _box_muller(w0: Tensor, w1: Tensor) -> tuple[Tensor, Tensor]:
    # u is in (0, 1]: half a unit above 0 keeps the logarithm finite (largest |z|: 6.7).
    u = w0.float() * 2.0**-32 + 2.0**-33
    radius = torch.sqrt(-2.0 * torch.log(u))
    angle = w1.float() * (2.0**-32 * 2.0 * math.pi)
    return radius * torch.cos(angle), radius * torch.sin(angle)


def integers(seed: int, stream: Stream, image: Tensor, step: int | Tensor, high: int) -> Tensor:
    """Integers uniform on {0..high-1}, int64 [B], for each image at a step; high < 2^31.

    The bias of the multiply-and-shift reduction is below high / 2^32.
    """
    first, *_ = words(seed, stream, image, step, 1)
    return (first[:, 0] * high) >> 32


def permutation(seed: int, stream: Stream, step: int, size: int) -> Tensor:
    """A random order of {0..size-1}, int64 [size]: the ranks of 64-bit random keys."""
    high, low, *_ = words(seed, stream, torch.arange(size), step, 1)
    return torch.argsort((high[:, 0] >> 1 << 32) | low[:, 0], stable=True)


def keys(seed: int, stream: Stream, image: Tensor, step: int, count: int) -> Tensor:
    """`count` 64-bit words for each image, int64 [B, count]: keys for `splitmix64`.

    Args as for `words`.
    """
    w0, w1, w2, w3 = words(seed, stream, image, step, -(-count // 2))
    return torch.stack([w0 << 32 | w1, w2 << 32 | w3], dim=-1).flatten(1)[:, :count]


def splitmix64(key: Tensor, count: int) -> Tensor:
    """The first `count` words of the generator splitmix64 started at each key.

    A few times cheaper than Philox, for numbers that are needed by the million (Steele, Lea, Flood, "Fast
    splittable pseudorandom number generators", OOPSLA 2014).

    Args:
        key: int64 [B].
        count: words for each key.

    Returns:
        int64 [B, count], uniform on all 64 bits.
    """
    z = key[:, None] + torch.arange(1, count + 1, device=key.device) * _INCREMENT
    for shift, mask, factor in _MIXING:
        # torch shifts with the sign; the mask makes it a shift of bits.
        z.bitwise_xor_((z >> shift).bitwise_and_(mask))
        if factor != 1:
            z.mul_(factor)
    return z


def derived_seed(seed: int, stream: Stream, step: int = 0) -> int:
    """A 62-bit seed for a torch.Generator, from (seed, stream, step)."""
    high, low, *_ = philox((0, 0, step, int(stream)), (seed & _MASK, seed >> 32))
    return (high << 32 | low) & (2**62 - 1)
