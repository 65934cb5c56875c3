"""All parameters of a network in one vector, so that clipping, Adam and the average are one operation each.

A network has hundreds of tensors, most of them small: one by one they cost more calls than arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn


class FlatParameters:
    """Moves a network's parameters and gradients into two float32 vectors that they become views of.

    Attributes:
        vector: an nn.Parameter [n] whose `.grad` is the vector of all gradients.
    """

    def __init__(self, network: nn.Module) -> None:
        self._named = dict(network.named_parameters())
        self.vector = nn.Parameter(torch.cat([p.detach().reshape(-1) for p in self._named.values()]))
        self.vector.grad = torch.zeros_like(self.vector)
        weights, gradients = self.views(self.vector.detach()), self.views(self.vector.grad)
        for name, parameter in self._named.items():
            parameter.data, parameter.grad = weights[name], gradients[name]

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """A vector [n] as tensors of the parameters' names and shapes, sharing its memory."""
        parts = vector.split([p.numel() for p in self._named.values()])
        return {
            name: part.view_as(parameter)
            for (name, parameter), part in zip(self._named.items(), parts, strict=True)
        }

    @property
    def gradient(self) -> Tensor:
        """The vector of all gradients, float32 [n]."""
        assert self.vector.grad is not None
        return self.vector.grad

    @torch.no_grad()
    def take_gradient(self, total: Tensor | None) -> Tensor:
        """Adds the gradient to `total` (None for zero), leaves zero in its place, and returns the sum."""
        total = self.gradient.clone() if total is None else total.add_(self.gradient)
        self.gradient.zero_()
        return total

    @torch.no_grad()
    def set_gradient(self, gradient: Tensor) -> None:
        """Takes over a gradient, float32 [n]."""
        self.gradient.copy_(gradient)

    @torch.no_grad()
    def clip_gradient(self, largest: float | None) -> Tensor:
        """Scales the gradient to a global norm of at most `largest`; returns the norm before."""
        gradient = self.gradient
        # Summed in float64: a float32 sum over millions of squares is off by 1e-5.
        norm = torch.linalg.vector_norm(gradient, dtype=torch.float64).to(gradient.dtype)
        if largest is not None:
            gradient.mul_(largest / norm.clamp(min=largest))
        return norm
