"""A model as the codes use it: x_0-hat at chosen times, in calls of one size, and the steps between."""

from __future__ import annotations

import dataclasses

import numpy as np
import torch

from ddpm.compression.schedule import CodingSchedule, steps_between
from ddpm.diffusion.process import GaussianDiffusion, Network


@dataclasses.dataclass(frozen=True)
class Transition:
    """One step of a code: q(x_s | x_r, x_0) = N(c_0 x_0 + c_r x_r, btilde) and p's variance, as floats.

    For x_T itself, which is sent under N(0, I), x_r and x_0-hat are taken as 0.
    """

    c_0: float
    c_r: float
    posterior_variance: float
    variance: float

    @property
    def rho2(self) -> float:
        """Variance of q where that of p is 1."""
        return self.posterior_variance / self.variance


class CodingModel:
    """A model with a schedule.

    Args:
        diffusion, network: the model, on one device.
        schedule: the times and variances.
        batch_size: images in every network call: rows are added to fill one, as the size of a call decides
            the last bits of its outputs.
    """

    def __init__(
        self, diffusion: GaussianDiffusion, network: Network, schedule: CodingSchedule, batch_size: int
    ) -> None:
        self._diffusion, self._network = diffusion, network
        self.schedule, self.batch_size = schedule, batch_size
        self.alpha_bar = diffusion.alpha_bar.cpu().numpy()
        self.transitions = self._transitions()

    @property
    def device(self) -> str:
        """Where the network computes."""
        return str(self._diffusion.beta.device)

    @torch.no_grad()
    def predict_x_0(self, x_t: np.ndarray, t: int) -> np.ndarray:
        """x_0-hat(x_t), clipped to [-1, 1], float32 [n, C, H, W]."""
        found = [
            self._predict_batch(x_t[start : start + self.batch_size], t)
            for start in range(0, len(x_t), self.batch_size)
        ]
        return np.concatenate(found) if found else x_t.copy()

    def _predict_batch(self, x_t: np.ndarray, t: int) -> np.ndarray:
        filled = np.concatenate([x_t, np.repeat(x_t[-1:], self.batch_size - len(x_t), axis=0)])
        x = torch.from_numpy(np.ascontiguousarray(filled, np.float32)).to(self.device)
        times = torch.full((len(x),), t, device=x.device)
        step = self._diffusion.reverse_step(self._network(x, times), x, times, clip=True)
        return step.x_0[: len(x_t)].float().cpu().numpy()

    def _transitions(self) -> list[Transition]:
        """From nothing to x_T, and between neighbours of the schedule."""
        schedule, alpha_bar = self.schedule, self.alpha_bar
        first = alpha_bar[schedule.times[0]]
        found = [Transition(float(np.sqrt(first)), 0.0, float(1 - first), 1.0)]
        r, s = list(schedule.times[:-1]), list(schedule.times[1:])
        # Of the variance the schedule has its own.
        steps = steps_between(alpha_bar[r], alpha_bar[s], np.zeros(len(r)), "fixed_small")
        coefficients = zip(steps.c_0, steps.c_r, steps.posterior_variance, strict=True)
        for (c_0, c_r, posterior_variance), variance in zip(coefficients, schedule.variances, strict=False):
            found.append(Transition(float(c_0), float(c_r), float(posterior_variance), variance))
        return found
