"""Floating-point operations of a network: the nominal count for everyone, and what this project executes.

Nominal is the paper's network as it is written, with doubling and then a 3x3 convolution. This project makes
one transposed convolution of the two, with 16 multiplications where there would be 36.
"""

from __future__ import annotations

import dataclasses

import torch
from timing.networks import NetworkShape
from timing.ours import build_network
from torch.utils.flop_counter import FlopCounterMode

from ddpm.network.layers import Upsample

# Forward and backward, relative to forward: exact for convolutions and products of matrices.
TRAINING_TO_FORWARD = 3
_NOMINAL_TO_EXECUTED = 36 / 16


@dataclasses.dataclass(frozen=True)
class Operations:
    """Of one image through the network; a multiply-add is two, norms and activations are not counted."""

    nominal: float
    executed: float

    def of_step(self, step: str, batch: int) -> Operations:
        """Of a step of `timing.setting.STEPS` on a batch."""
        factor = batch * (TRAINING_TO_FORWARD if step == "training" else 1)
        return Operations(self.nominal * factor, self.executed * factor)


def operations(shape: NetworkShape) -> Operations:
    """Counted by torch in one pass of one image."""
    network = build_network(shape).eval()
    doubling = 0.0
    outputs: list[tuple[Upsample, torch.Size]] = []
    for module in network.modules():
        if isinstance(module, Upsample):
            module.register_forward_hook(lambda layer, _, output: outputs.append((layer, output.shape)))
    x = torch.empty(1, *shape.image_shape)
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        network(x, torch.zeros(1, dtype=torch.int64))
    executed = float(counter.get_total_flops())
    for layer, size in outputs:
        # A transposed convolution's 4x4 taps, spread over four outputs: 2x2 multiplications each.
        doubling += 2 * 4 * layer.conv.in_channels * size[1:].numel()
    return Operations(executed + doubling * (_NOMINAL_TO_EXECUTED - 1), executed)
