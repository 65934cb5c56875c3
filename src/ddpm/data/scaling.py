"""Between 8-bit pixels and the network's range [-1, 1] (section 3.3 of the paper)."""

from __future__ import annotations

import torch
from torch import Tensor


def to_model(pixels: Tensor) -> Tensor:
    """Maps uint8 pixels v in 0..255 to float32 v / 127.5 - 1 in [-1, 1], of the same shape.

    Raises:
        TypeError: `pixels` are not uint8, so they may be scaled already.
    """
    if pixels.dtype != torch.uint8:
        raise TypeError(f"pixels must be uint8, not {pixels.dtype}")
    return pixels.to(torch.float32) / 127.5 - 1


def to_pixels(images: Tensor) -> Tensor:
    """Maps images in [-1, 1] to the nearest uint8 pixels in 0..255, clipping what lies outside.

    The inverse of `to_model` on all 256 levels. The input must be finite: a NaN has no pixel value, and
    what it turns into differs between processors, so check with `torch.isfinite` before where a network
    may have diverged.

    Raises:
        TypeError: `images` are not floating point.
    """
    if not images.is_floating_point():
        raise TypeError(f"images must be floating point, not {images.dtype}")
    return ((images.clamp(-1, 1) + 1) * 127.5).round().to(torch.uint8)
