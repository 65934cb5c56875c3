"""Adam with warm-up as TensorFlow computes it."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.optim.adam import adam

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def learning_rate(update: int, peak: float, warmup_steps: int) -> float:
    """The learning rate of update n = 0, 1, ...: a linear rise from 0, then constant."""
    return peak if update >= warmup_steps else peak * update / warmup_steps


class Adam:
    """torch's fused Adam with TensorFlow's epsilon, on one vector of parameters.

    TensorFlow adds epsilon to the square root of the second moment before its bias correction; torch adds it
    after, so here epsilon is divided by the correction at every update. torch's function is called and not
    its optimiser, which would import the compiler: as long as all other imports together.

    Attributes:
        moments: the first and second moments, float32 [n].
    """

    def __init__(self, vector: nn.Parameter) -> None:
        self._vector = vector
        self.moments = torch.zeros_like(vector.detach()), torch.zeros_like(vector.detach())
        self._updates = torch.zeros((), device=vector.device)

    @torch.no_grad()
    def step(self, update: int, rate: float) -> None:
        """Update n = 0, 1, ... at a learning rate, from the vector's gradient, which is then zeroed."""
        assert self._vector.grad is not None
        first, second = self.moments
        adam(
            [self._vector],
            [self._vector.grad],
            [first],
            [second],
            [],
            [self._updates],
            fused=True,
            amsgrad=False,
            beta1=BETAS[0],
            beta2=BETAS[1],
            lr=rate,
            weight_decay=0.0,
            eps=EPSILON / (1.0 - BETAS[1] ** (update + 1)) ** 0.5,
            maximize=False,
        )
        self._vector.grad.zero_()

    def load_state(self, first: Tensor, second: Tensor, updates: int) -> None:
        """Takes over copies of the two moments, float32 [n], after so many updates."""
        self.moments = first.detach().clone(), second.detach().clone()
        self._updates.fill_(updates)
