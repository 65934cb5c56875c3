"""Images made smaller by whole factors: every pixel shown is the mean of a block of pixels."""

from __future__ import annotations

import numpy as np

# Dots of images side by side on a page; more than any screen shows, and files grow with it.
MOST_ACROSS = 1700


def reduced(images: np.ndarray, factor: int) -> np.ndarray:
    """Each block of factor x factor pixels as their mean, rounded.

    Args:
        images: uint8 [..., H, W]; H and W are divisible by the factor.
        factor: 1 or more.

    Returns:
        uint8 [..., H / factor, W / factor].
    """
    if factor == 1:
        return images
    *others, height, width = images.shape
    blocks = images.reshape(*others, height // factor, factor, width // factor, factor)
    return np.rint(blocks.mean(axis=(-3, -1), dtype=np.float32)).astype(np.uint8)


def fitting_factor(height: int, width: int, columns: int) -> int:
    """The least power of 2 by which `columns` images side by side must be reduced to keep to MOST_ACROSS."""
    factor = 1
    while columns * width > MOST_ACROSS * factor and not (height % (2 * factor) or width % (2 * factor)):
        factor *= 2
    return factor


def fitted(images: np.ndarray, columns: int) -> np.ndarray:
    """Images uint8 [..., H, W], reduced so that `columns` of them side by side keep to MOST_ACROSS."""
    height, width = images.shape[-2:]
    return reduced(images, fitting_factor(height, width, columns))
