"""Adam with warm-up as TensorFlow computes it, and its state by parameter name."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor, nn

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def learning_rate(update: int, peak: float, warmup_steps: int) -> float:
    """The learning rate of update n = 0, 1, ...: a linear rise from 0, then constant."""
    return peak if update >= warmup_steps else peak * update / warmup_steps


class Adam:
    """torch's fused Adam with TensorFlow's epsilon.

    TensorFlow adds epsilon to the square root of the second moment before its bias correction;
    torch adds it after, so here epsilon is divided by the correction at every update.
    """

    def __init__(self, network: nn.Module) -> None:
        self._named = dict(network.named_parameters())
        fused = all(p.is_floating_point() for p in self._named.values())
        self._adam = torch.optim.Adam(self._named.values(), lr=0.0, betas=BETAS, eps=EPSILON, fused=fused)

    def step(self, update: int, rate: float) -> None:
        """Update n = 0, 1, ... at a learning rate, from the parameters' gradients."""
        for group in self._adam.param_groups:
            group["lr"] = rate
            group["eps"] = EPSILON / (1.0 - BETAS[1] ** (update + 1)) ** 0.5
        self._adam.step()
        self._adam.zero_grad(set_to_none=True)

    def state(self) -> dict[str, Tensor]:
        """First and second moments, named exp_avg.<parameter> and exp_avg_sq.<parameter>."""
        return {
            f"{moment}.{name}": self._adam.state[parameter][moment]
            for name, parameter in self._named.items()
            for moment in ("exp_avg", "exp_avg_sq")
            if parameter in self._adam.state
        }

    def load_state(self, tensors: Mapping[str, Tensor], updates: int) -> None:
        """Takes over moments named as by `state`, after so many updates."""
        for name, parameter in self._named.items():
            self._adam.state[parameter] = {
                "step": torch.tensor(float(updates), device=parameter.device),
                "exp_avg": tensors[f"exp_avg.{name}"].to(parameter.device),
                "exp_avg_sq": tensors[f"exp_avg_sq.{name}"].to(parameter.device),
            }
