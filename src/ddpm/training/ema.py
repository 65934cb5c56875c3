"""Exponential moving average of the weights (authors' code: tpu_utils, EMA 0.9999)."""

from __future__ import annotations

import torch
from torch import Tensor


def ema_decay(update: int, decay: float, ramp: bool) -> float:
    """The decay of update n = 0, 1, ...: the first copies the weights, later ones take `decay`.

    With `ramp` the decay of update n is at most (1 + n) / (10 + n), so that short runs do not
    average over their beginning (not in the paper).
    """
    if update == 0:
        return 1e-10
    return min(decay, (1 + update) / (10 + update)) if ramp else decay


@torch.no_grad()
def update_ema(average: Tensor, weights: Tensor, decay: float) -> None:
    """average <- decay average + (1 - decay) weights, in place, in float32."""
    average.lerp_(weights, 1.0 - decay)
