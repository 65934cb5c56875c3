"""Variance schedules beta_1..beta_T, in float64 (authors' code: get_beta_schedule)."""

from __future__ import annotations

import numpy as np


def beta_schedule(kind: str, start: float, end: float, timesteps: int) -> np.ndarray:
    """The forward variances.

    Args:
        kind: linear; quadratic (linear in the square root); constant (all `end`); warmup10 and
            warmup50 (a linear rise over the first 10 or 50 %, then `end`); jsd (1/T, 1/(T-1), .. 1).
        start: beta_1 of the rising schedules.
        end: beta_T; for `constant` every beta.
        timesteps: T.

    Returns:
        beta, float64 [T], each in (0, 1].

    Raises:
        ValueError: an unknown kind, or a beta outside (0, 1].
    """
    if kind == "linear":
        betas = np.linspace(start, end, timesteps, dtype=np.float64)
    elif kind == "quadratic":
        betas = np.linspace(start**0.5, end**0.5, timesteps, dtype=np.float64) ** 2
    elif kind == "constant":
        betas = np.full(timesteps, end, dtype=np.float64)
    elif kind in ("warmup10", "warmup50"):
        betas = _warm_up(start, end, timesteps, int(kind.removeprefix("warmup")) / 100)
    elif kind == "jsd":
        betas = 1.0 / np.linspace(timesteps, 1, timesteps, dtype=np.float64)
    else:
        raise ValueError(f"unknown schedule {kind!r}")
    if not ((betas > 0) & (betas <= 1)).all():
        raise ValueError(f"the {kind} schedule from {start} to {end} leaves (0, 1]")
    return betas


def _warm_up(start: float, end: float, timesteps: int, fraction: float) -> np.ndarray:
    betas = np.full(timesteps, end, dtype=np.float64)
    rising = int(timesteps * fraction)
    betas[:rising] = np.linspace(start, end, rising, dtype=np.float64)
    return betas
