"""Reduction of images by averages over boxes of 2x2 pixels, as CelebA-HQ's smaller sizes are defined."""

from __future__ import annotations

import numpy as np


def halvings(size: int, wanted: int) -> int | None:
    """How often a size must be halved to give the wanted one; None if that does not give it."""
    ratio, rest = divmod(size, wanted)
    return ratio.bit_length() - 1 if rest == 0 and ratio.bit_count() == 1 else None


def box_average(pixels: np.ndarray, times: int) -> np.ndarray:
    """Averages boxes of 2x2 pixels, so many times, without rounding between.

    So the tool of the data set's authors makes its smaller sizes (`tfrecords` of Progressive GAN). Float32 is
    exact here for up to 8 halvings.

    Args:
        pixels: uint8 [H, W, C] in [0, 255]; H and W are multiples of 2 ** times.
        times: halvings of each side.

    Returns:
        uint8 [H / 2^times, W / 2^times, C]: the averages, a half rounded to the even number.
    """
    averages: np.ndarray = pixels.astype(np.float32)
    for _ in range(times):
        top, bottom = averages[0::2], averages[1::2]
        averages = (top[:, 0::2] + top[:, 1::2] + bottom[:, 0::2] + bottom[:, 1::2]) / 4
    return np.rint(averages).clip(0, 255).astype(np.uint8)
