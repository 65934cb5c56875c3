"""Adam with warm-up as TensorFlow computes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def learning_rate(update: int, peak: float, warmup_steps: int) -> float:
    """The learning rate of update n = 0, 1, ...: a linear rise from 0, then constant."""
    return peak if update >= warmup_steps else peak * update / warmup_steps


class Adam:
    """torch's fused Adam with TensorFlow's epsilon, on one vector of parameters.

    TensorFlow adds epsilon to the square root of the second moment before its bias correction;
    torch adds it after, so here epsilon is divided by the correction at every update.
    """

    def __init__(self, vector: nn.Parameter) -> None:
        self._vector = vector
        self._adam = torch.optim.Adam([vector], lr=0.0, betas=BETAS, eps=EPSILON, fused=True)
        self._set_state(torch.zeros_like(vector), torch.zeros_like(vector), 0)

    def step(self, update: int, rate: float) -> None:
        """Update n = 0, 1, ... at a learning rate, from the vector's gradient, which is then zeroed."""
        group = self._adam.param_groups[0]
        group["lr"] = rate
        group["eps"] = EPSILON / (1.0 - BETAS[1] ** (update + 1)) ** 0.5
        self._adam.step()
        self._adam.zero_grad(set_to_none=False)

    @property
    def moments(self) -> tuple[Tensor, Tensor]:
        """The first and second moments, float32 [n]."""
        state = self._adam.state[self._vector]
        return state["exp_avg"], state["exp_avg_sq"]

    def load_state(self, first: Tensor, second: Tensor, updates: int) -> None:
        """Takes over copies of the two moments, float32 [n], after so many updates."""
        self._set_state(first.detach().clone(), second.detach().clone(), updates)

    def _set_state(self, first: Tensor, second: Tensor, updates: int) -> None:
        self._adam.state[self._vector] = {
            "step": torch.tensor(float(updates), device=self._vector.device),
            "exp_avg": first.detach(),
            "exp_avg_sq": second.detach(),
        }
