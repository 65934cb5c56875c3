"""The forward process q, its posterior, and the reverse process p (sections 2 and 3).

`t` is the paper's t minus 1 (0..T-1), as in the authors' code: it is what the network's timestep
embedding sees. Images are float32 [B, C, H, W] in [-1, 1]; the schedule is float64 and is cast to
float32 where it meets images.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import numpy as np
import torch
from torch import Tensor

# Takes x_t [B, C, H, W] and t [B]; gives [B, C, H, W], or [B, 2C, H, W] with learned variance.
Network = Callable[[Tensor, Tensor], Tensor]


@dataclasses.dataclass(frozen=True)
class ReverseStep:
    """p_theta(x_{t-1} | x_t): all float32 [B, C, H, W] (the log-variance broadcasts to it)."""

    mean: Tensor
    log_variance: Tensor
    x_0: Tensor


class GaussianDiffusion:
    """q(x_t | x_0), q(x_{t-1} | x_t, x_0) and p_theta(x_{t-1} | x_t) of one parameterisation.

    Args:
        betas: float64 [T] in (0, 1].
        prediction: what the network's output means: "mu_tilde", "epsilon" or "x0".
        variance: "fixed_large" (beta_t), "fixed_small" (beta-tilde_t), or "learned": the second half
            of the output channels is the log-variance itself.
    """

    def __init__(self, betas: np.ndarray, prediction: str, variance: str) -> None:
        if prediction not in ("mu_tilde", "epsilon", "x0"):
            raise ValueError(f"unknown prediction {prediction!r}")
        if variance not in ("fixed_large", "fixed_small", "learned"):
            raise ValueError(f"unknown variance {variance!r}")
        self.prediction, self.variance = prediction, variance
        beta = torch.from_numpy(np.asarray(betas, dtype=np.float64))
        self.timesteps = len(beta)
        alpha_bar = torch.cumprod(1 - beta, dim=0)
        previous = torch.cat([torch.ones(1, dtype=torch.float64), alpha_bar[:-1]])
        self.beta, self.alpha_bar = beta, alpha_bar
        self.posterior_variance = beta * (1 - previous) / (1 - alpha_bar)  # Eq. (7)
        self.posterior_coefficient_x_0 = beta * previous.sqrt() / (1 - alpha_bar)  # Eq. (7)
        self.posterior_coefficient_x_t = (1 - previous) * (1 - beta).sqrt() / (1 - alpha_bar)
        # beta-tilde_1 is 0: its logarithm takes beta-tilde_2's place, which also sets the scale of
        # the decoder p(x_0 | x_1), for the fixed variances alike (a better likelihood). One step alone has
        # no beta-tilde_2, and its sampling adds no noise.
        second = self.posterior_variance[1:2] if self.timesteps > 1 else beta
        self.log_variance_small = torch.cat([second, self.posterior_variance[1:]]).log()
        self.log_variance_large = torch.cat([second, beta[1:]]).log()

    def to(self, device: torch.device | str) -> GaussianDiffusion:
        """Moves the schedule to a device; returns self."""
        for name, value in vars(self).items():
            if isinstance(value, Tensor):
                setattr(self, name, value.to(device))
        return self

    def q_sample(self, x_0: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """x_t = sqrt(alpha-bar_t) x_0 + sqrt(1 - alpha-bar_t) epsilon (Eq. 4)."""
        signal = at(self.alpha_bar.sqrt(), t, x_0)
        return signal * x_0 + at((1 - self.alpha_bar).sqrt(), t, x_0) * noise

    def posterior_mean(self, x_0: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """mu-tilde_t(x_t, x_0), the mean of q(x_{t-1} | x_t, x_0) (Eq. 7)."""
        return at(self.posterior_coefficient_x_0, t, x_t) * x_0 + (
            at(self.posterior_coefficient_x_t, t, x_t) * x_t
        )

    def x_0_from_epsilon(self, x_t: Tensor, t: Tensor, epsilon: Tensor) -> Tensor:
        """x_0-hat = (x_t - sqrt(1 - alpha-bar_t) epsilon) / sqrt(alpha-bar_t) (Eq. 15)."""
        scale = at((1 / self.alpha_bar).sqrt(), t, x_t)
        return scale * x_t - at((1 / self.alpha_bar - 1).sqrt(), t, x_t) * epsilon

    def x_0_from_mu_tilde(self, x_t: Tensor, t: Tensor, mean: Tensor) -> Tensor:
        """The x_0 whose posterior mean is `mean` (Eq. 7 solved for x_0)."""
        ratio = self.posterior_coefficient_x_t / self.posterior_coefficient_x_0
        return at(1 / self.posterior_coefficient_x_0, t, x_t) * mean - at(ratio, t, x_t) * x_t

    def reverse_step(self, output: Tensor, x_t: Tensor, t: Tensor, *, clip: bool) -> ReverseStep:
        """p_theta(x_{t-1} | x_t) from the network's output at (x_t, t).

        Args:
            output: [B, C, H, W], or [B, 2C, H, W] with learned variance.
            x_t: [B, C, H, W].
            t: int64 [B].
            clip: clip x_0-hat to [-1, 1] before it enters the mean (sampling and evaluation do,
                training does not). The mean of mu-tilde prediction is the output itself.
        """
        prediction, log_variance = self._split(output, x_t, t)
        x_0 = self._x_0(prediction, x_t, t)
        if clip:
            x_0 = x_0.clamp(-1, 1)
        mean = prediction if self.prediction == "mu_tilde" else self.posterior_mean(x_0, x_t, t)
        return ReverseStep(mean, log_variance, x_0)

    def predicted_x_0(self, output: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        """x_0-hat from the network's output at (x_t, t), unclipped, [B, C, H, W] (Eq. 15 for epsilon)."""
        return self._x_0(self._split(output, x_t, t)[0], x_t, t)

    def target(self, x_0: Tensor, x_t: Tensor, t: Tensor, noise: Tensor) -> Tensor:
        """What the network should predict, [B, C, H, W]."""
        if self.prediction == "epsilon":
            return noise
        return x_0 if self.prediction == "x0" else self.posterior_mean(x_0, x_t, t)

    def _x_0(self, prediction: Tensor, x_t: Tensor, t: Tensor) -> Tensor:
        if self.prediction == "epsilon":
            return self.x_0_from_epsilon(x_t, t, prediction)
        return prediction if self.prediction == "x0" else self.x_0_from_mu_tilde(x_t, t, prediction)

    def _split(self, output: Tensor, x_t: Tensor, t: Tensor) -> tuple[Tensor, Tensor]:
        channels = x_t.shape[1]
        wanted = 2 * channels if self.variance == "learned" else channels
        if output.shape[1] != wanted:
            raise ValueError(
                f"{self.variance} variance needs {wanted} output channels, not {output.shape[1]}"
            )
        if self.variance == "learned":
            prediction, log_variance = output.chunk(2, dim=1)
            return prediction, log_variance
        fixed = self.log_variance_large if self.variance == "fixed_large" else self.log_variance_small
        return output, at(fixed, t, x_t)


def at(schedule: Tensor, t: Tensor, like: Tensor) -> Tensor:
    """Values of a float64 [T] schedule at t [B], as [B, 1, 1, 1] of the dtype of `like`."""
    return schedule[t].to(like.dtype).reshape(-1, *[1] * (like.dim() - 1))
