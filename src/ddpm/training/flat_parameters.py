"""All parameters of a network in one vector, so that clipping, Adam and the average are one operation each.

A network has hundreds of tensors, most of them small: one by one they cost more calls than arithmetic.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

# Numbers whose norm is taken in float32.
_ROW = 4096


class FlatParameters:
    """Moves a network's parameters and gradients into two float32 vectors that they become views of.

    Attributes:
        vector: an nn.Parameter [n] whose `.grad` is the vector of all gradients.
    """

    def __init__(self, network: nn.Module) -> None:
        self._named = dict(network.named_parameters())
        first = next(iter(self._named.values()))
        numbers = sum(parameter.numel() for parameter in self._named.values())
        self.vector = nn.Parameter(torch.empty(numbers, dtype=first.dtype, device=first.device))
        self.vector.grad = torch.zeros_like(self.vector)
        weights, gradients = self.views(self.vector.detach()), self.views(self.vector.grad)
        # One at a time, so that no second copy of all is needed.
        for name, parameter in self._named.items():
            weights[name].copy_(parameter.detach())
            parameter.data, parameter.grad = weights[name], gradients[name]

    def views(self, vector: Tensor) -> dict[str, Tensor]:
        """A vector [n] as tensors of the parameters' names and shapes, sharing its memory."""
        parts = vector.split([p.numel() for p in self._named.values()])
        return {
            name: _shaped(part, parameter)
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
        norm = global_norm(gradient)
        if largest is not None:
            gradient.mul_(largest / norm.clamp(min=largest))
        return norm


def _shaped(part: Tensor, like: Tensor) -> Tensor:
    """Part of a vector as a tensor of the shape and strides of another.

    The very strides, also of dimensions of length 1: from them torch guesses the layout of a convolution's
    output, and one wrong guess makes a whole network compute channels last.
    """
    return part.as_strided(like.shape, like.stride(), part.storage_offset())


def global_norm(vector: Tensor) -> Tensor:
    """The Euclidean norm of a float32 vector [n], a float32 scalar, to about 1e-7.

    Rows are summed in float32, their norms in float64: a float32 sum over tens of millions of squares is off
    by 1e-3, and a copy of all in float64 would take longer than Adam.
    """
    whole = len(vector) // _ROW * _ROW
    rows = torch.linalg.vector_norm(vector[:whole].view(-1, _ROW), dim=1)
    rest = torch.linalg.vector_norm(vector[whole:], dim=0, keepdim=True)
    return torch.linalg.vector_norm(torch.cat([rows, rest]), dtype=torch.float64).to(vector.dtype)
