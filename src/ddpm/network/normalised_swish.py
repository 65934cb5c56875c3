"""swish(GroupNorm(x)), which precedes every 3x3 convolution but the first, with a frugal backward pass.

In float32, also where the network runs in bfloat16: torch's CPU kernel of GroupNorm is several times slower
on bfloat16 than the cast and the float32 one. Of the three tensors that autograd would keep for the backward
pass (x, its cast, GroupNorm's output) only x is kept; the others are computed again. Small tensors, where
the calls take longer than the arithmetic, are left to autograd.

The frugal pass holds for a CPU alone. Elsewhere torch's kernels of GroupNorm take the usual layout only: the
forward one refuses channels last, the backward one reads it wrongly without a word. torch's own `group_norm`
hands both what they take.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

# Elements of x.
FRUGAL_FROM = 2**19


def normalised_swish(norm: nn.GroupNorm, x: Tensor) -> Tensor:
    """swish(GroupNorm(x)) of [B, C, H, W] in float32 or bfloat16; float32 of the same shape."""
    if not torch.is_grad_enabled():
        return functional.silu(norm(x.float()), inplace=True)
    if x.device.type != "cpu" or x.numel() < FRUGAL_FROM:
        return functional.silu(norm(x.float()))
    return _NormalisedSwish.apply(x, norm.weight, norm.bias, norm.num_groups, norm.eps)


class _NormalisedSwish(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, groups: int, epsilon: float) -> Tensor:
        batch, channels = x.shape[:2]
        size = x[0, 0].numel()
        normalised, mean, deviation = torch.native_group_norm(
            x.float(), weight, bias, batch, channels, size, groups, epsilon
        )
        ctx.save_for_backward(x, weight, bias, mean, deviation)
        ctx.groups, ctx.epsilon = groups, epsilon
        return functional.silu(normalised, inplace=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        x, weight, bias, mean, inverse_deviation = ctx.saved_tensors
        batch, channels, groups = x.shape[0], x.shape[1], ctx.groups
        size, whole = x[0, 0].numel(), x.float()
        normalised, _, _ = torch.native_group_norm(
            whole, weight, bias, batch, channels, size, groups, ctx.epsilon
        )
        if gradient.stride() != normalised.stride():
            # The kernels below read both in one layout.
            gradient = torch.empty_like(normalised).copy_(gradient)
        gradient = torch.ops.aten.silu_backward(gradient, normalised)
        of_x, of_weight, of_bias = torch.ops.aten.native_group_norm_backward(
            gradient,
            whole,
            mean,
            inverse_deviation,
            weight,
            batch,
            channels,
            size,
            groups,
            [True, True, True],
        )
        return of_x.to(x.dtype), of_weight, of_bias, None, None
