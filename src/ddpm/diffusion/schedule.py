"""Variance schedules beta_1..beta_T, in float64 (authors' code: get_beta_schedule)."""

from __future__ import annotations

import numpy as np

# Smallest alpha-bar by whose square root float32 divides an image without overflow, with a wide margin.
_LEAST_SIGNAL = 1e-60
_SMALLER = "or another schedule, a smaller beta_end or fewer timesteps"


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


def unusable_schedule(prediction: str, kind: str, start: float, end: float, timesteps: int) -> str:
    """Why a schedule cannot be used with a prediction, and what can; "" if it can.

    x_0-hat follows from epsilon by a division by sqrt(alpha-bar_t) (Eq. 15), and from mu-tilde by one by
    beta_t sqrt(alpha-bar_{t-1}) / (1 - alpha-bar_t) (Eq. 7); Eq. 7 itself divides by 1 - alpha-bar_t. In
    float32, which images are, none of these may come near 0.

    Args:
        prediction: "mu_tilde", "epsilon" or "x0".
        kind, start, end, timesteps: as in `beta_schedule`.
    """
    beta = beta_schedule(kind, start, end, timesteps)
    alpha_bar = np.cumprod(1 - beta)
    previous = np.concatenate([[1.0], alpha_bar[:-1]])
    if (alpha_bar >= 1).any():
        return f"beta of {beta[0]:.3g} vanishes beside 1, so that q adds no noise; raise beta_start"
    if prediction == "epsilon" and alpha_bar[-1] < _LEAST_SIGNAL:
        return (
            f"alpha-bar_T is {alpha_bar[-1]:.3g}: nothing of x_0 is left at T, and x_0 cannot be told from "
            f"epsilon there. Use `prediction: x0` or `mu_tilde`, {_SMALLER}"
        )
    if prediction == "mu_tilde" and previous[-1] < _LEAST_SIGNAL:
        return (
            f"alpha-bar_(T-1) is {previous[-1]:.3g}: mu-tilde_T holds nothing of x_0, which cannot be told "
            f"from it. Use `prediction: x0`, {_SMALLER}"
        )
    return ""


def _warm_up(start: float, end: float, timesteps: int, fraction: float) -> np.ndarray:
    betas = np.full(timesteps, end, dtype=np.float64)
    rising = int(timesteps * fraction)
    betas[:rising] = np.linspace(start, end, rising, dtype=np.float64)
    return betas
