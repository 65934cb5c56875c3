"""Which times a code passes through: the steps x_r -> x_s of fewest bits, from the errors of x_0-hat alone.

A step from x_r to x_s, s < r, of the merged chain (section 3 with alpha-bar_r / alpha-bar_s for alpha_t) has

    q(x_s | x_r, x_0) = N(c_0 x_0 + c_r x_r, btilde),
    p(x_s | x_r)      = N(c_0 x_0-hat(x_r) + c_r x_r, sigma^2),

so that its expected KL depends on the model through R(r) = E (x_0 - x_0-hat(x_r))^2 only, which the
evaluation of the bound has measured at every time. Hence the best schedule is a shortest path over the times.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable

import numpy as np

# KL of a chunk in bits, and the bits that its index takes in all (`ddpm.compression.channel`): the mean over
# draws of a unit Gaussian channel. Between them the cost is interpolated.
_CHUNK_KL = (0.0, 0.01, 0.02, 0.05, 0.2, 0.5, 1.0, 2.0, 4.0, 6.0, 8.0)
_CHUNK_BITS = (0.0, 0.35, 0.51, 0.8, 1.41, 2.11, 2.97, 4.35, 6.73, 8.97, 11.13)
_STEP_BITS = 0.3  # of each step: its number of chunks
VARIANCES = ("optimal", "fixed_large", "fixed_small")


@dataclasses.dataclass(frozen=True)
class Steps:
    """Coefficients of steps x_r -> x_s; float64 arrays of one shape.

    Attributes:
        c_0, c_r: of x_0 and x_r in the mean of q(x_s | x_r, x_0) (Eq. 7).
        posterior_variance: btilde.
        variance: sigma^2 of p(x_s | x_r).
    """

    c_0: np.ndarray
    c_r: np.ndarray
    posterior_variance: np.ndarray
    variance: np.ndarray

    def kl(self, error: np.ndarray) -> np.ndarray:
        """Expected KL(q || p), bits/dim, where x_0-hat has this mean squared error (on [-1, 1])."""
        ratio = self.posterior_variance / self.variance
        return (ratio - 1 - np.log(ratio) + self.c_0**2 * error / self.variance) / (2 * math.log(2))


def steps_between(
    alpha_bar_r: np.ndarray, alpha_bar_s: np.ndarray, error: np.ndarray, variance: str
) -> Steps:
    """The steps from x_r to x_s, arrays that broadcast.

    Args:
        alpha_bar_r, alpha_bar_s: alpha-bar at r, and at s < r.
        error: R(r), mean squared error of x_0-hat(x_r) on [-1, 1].
        variance: "fixed_large" (beta of the step), "fixed_small" (btilde), or "optimal": btilde + c_0^2 R(r),
            the best that is the same for all dimensions (Bao et al., "Analytic-DPM", ICLR 2022).
    """
    beta = 1 - alpha_bar_r / alpha_bar_s
    posterior_variance = beta * (1 - alpha_bar_s) / (1 - alpha_bar_r)
    c_0 = np.sqrt(alpha_bar_s) * beta / (1 - alpha_bar_r)
    c_r = np.sqrt(alpha_bar_r / alpha_bar_s) * (1 - alpha_bar_s) / (1 - alpha_bar_r)
    chosen = {
        "optimal": posterior_variance + c_0**2 * error,
        "fixed_large": beta + 0 * error,
        "fixed_small": posterior_variance + 0 * error,
    }
    return Steps(c_0, c_r, posterior_variance, chosen[variance])


def all_steps_kl(alpha_bar: np.ndarray, errors: np.ndarray, variance: str) -> np.ndarray:
    """Expected KL of each step, bits/dim, float64 [T, T] at [r, s] (0-based); inf where s >= r."""
    with np.errstate(divide="ignore", invalid="ignore"):
        kl = steps_between(alpha_bar[:, None], alpha_bar[None, :], errors[:, None], variance).kl(
            errors[:, None]
        )
    return np.where(np.tri(len(alpha_bar), k=-1, dtype=bool), kl, np.inf)


def chunked_bits(kl: np.ndarray, chunk: float) -> np.ndarray:
    """Bits of steps of these mean KLs (bits), each sent in equal chunks of at most `chunk` bits.

    As images differ, the last chunk of a step is half full on average.
    """
    chunks = np.maximum(1, np.where(np.isfinite(kl), kl, 0) / chunk + 0.5)
    bits = _STEP_BITS + chunks * np.interp(kl / chunks, _CHUNK_KL, _CHUNK_BITS)
    return np.where(np.isfinite(kl), bits, np.inf)


def cheapest_path(cost: np.ndarray, end: np.ndarray, steps: int | None = None) -> list[int]:
    """Times from T-1 down to the last latent that make the fewest bits, 0-based and descending.

    Args:
        cost: float64 [T, T]: of the step from r to s at [r, s]; inf where s >= r.
        end: float64 [T]: of x_0 given x_t.
        steps: how many times the path has, x_T included; None for as many as are cheapest.

    Raises:
        ValueError: no path has so many.
    """
    best = end.copy()
    if steps is None:
        choice = np.full(len(end), -1)
        for r in range(1, len(end)):
            onward = cost[r, :r] + best[:r]
            s = int(onward.argmin())
            if onward[s] < best[r]:
                best[r], choice[r] = onward[s], s
        return _followed(lambda r, _: choice[r], len(end) - 1)
    layers = []
    for _ in range(steps - 1):
        onward = cost + best[None, :]
        layers.append(onward.argmin(axis=1))
        best = onward.min(axis=1)
    if not np.isfinite(best[-1]):
        raise ValueError(f"no path of {steps} times from T = {len(end)}; choose fewer")
    layers.reverse()
    return _followed(lambda r, depth: layers[depth][r] if depth < len(layers) else -1, len(end) - 1)


def least_by_steps(cost: np.ndarray, end: np.ndarray, most: int) -> np.ndarray:
    """The fewest bits of a path of 1, 2, ..., `most` times, float64 [most]; inf where there is none.

    Args:
        cost, end: as for `cheapest_path`.
        most: 1 to T.
    """
    best, found = end, [end[-1]]
    for _ in range(most - 1):
        best = (cost + best[None, :]).min(axis=1)
        found.append(best[-1])
    return np.array(found)


def _followed(next_time: Callable[[int, int], int], last: int) -> list[int]:
    """The path from `last` by the next time of each, given with the depth; a negative one ends it."""
    path = [last]
    while (following := int(next_time(path[-1], len(path) - 1))) >= 0:
        path.append(following)
    return path


@dataclasses.dataclass(frozen=True)
class CodingSchedule:
    """The times that a code passes through, and the variances that sender and receiver share.

    Attributes:
        times: t of the latents in 0..T-1, descending; the first is T-1.
        variances: sigma^2 of p(x_s | x_r) for each pair of neighbours, and last that of p(x_0 | x_s).
        kl: expected bits/dim of each of these; the last: of x_0.
    """

    times: tuple[int, ...]
    variances: tuple[float, ...]
    kl: tuple[float, ...]

    def __post_init__(self) -> None:
        descending = all(r > s for r, s in zip(self.times, self.times[1:], strict=False))
        if not self.times or not descending or self.times[-1] < 0:
            raise ValueError(f"times {list(self.times)} must descend to 0 at the least")
        if not len(self.times) == len(self.variances) == len(self.kl):
            raise ValueError("a schedule has one variance and one KL for each of its times")
        if not all(math.isfinite(value) and value > 0 for value in self.variances):
            raise ValueError("variances must be positive and finite")
