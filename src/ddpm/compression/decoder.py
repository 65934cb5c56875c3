"""The discretised Gaussian decoder p(x_0 | x_t) of Eq. 13 as integer frequencies of 24 bits."""

from __future__ import annotations

from typing import Any

import numpy as np
from constriction import stream as coding

LEVELS = 256
_HALF_RANGE = 127.5


def grey_levels() -> Any:
    """Gaussians over the grey levels 0..255, the outermost bins reaching to infinity: a family of models.

    Each level has at least the frequency 1 of 2^24, so that every image can be coded.
    """
    return coding.model.QuantizedGaussian(0, LEVELS - 1)


def decoder_parameters(x_0_hat: np.ndarray, variance: float) -> tuple[np.ndarray, np.ndarray]:
    """Mean and deviation for `grey_levels`, float64 [n] each.

    Args:
        x_0_hat: float32, of n values, on [-1, 1].
        variance: of p(x_0 | x_t), on [-1, 1].
    """
    mean = (x_0_hat.astype(np.float64).reshape(-1) + 1) * _HALF_RANGE
    return mean, np.full(mean.shape, _HALF_RANGE * variance**0.5)
