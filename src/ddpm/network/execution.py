"""How a network is computed: the precision of its numbers, and whether its graph is compiled.

bfloat16 holds for the body of the U-Net alone. Its first and last convolution, the timestep's embedding,
GroupNorm, swish, softmax and all that surrounds the network (loss, gradients, Adam, average, reverse process,
bound) are in float32, and so are the weights that are trained. The first convolution matters: beta_1 = 1e-4
is noise of a standard deviation of 0.01, a size at which bfloat16 rounds pixels.
"""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator

import torch
from torch import nn

from ddpm.network.layers import Upsample
from ddpm.network.unet import UNet

PRECISIONS = ("float32", "tf32", "bfloat16")


@dataclasses.dataclass(frozen=True)
class Execution:
    """How a network is computed.

    Attributes:
        precision: "float32"; "tf32": a GPU's tensor cores multiply 10-bit mantissas (on a CPU the same
            as float32); or "bfloat16" in the network's body.
        compiled: torch.compile, with CUDA graphs on a GPU; takes a minute at the start.
    """

    precision: str = "float32"
    compiled: bool = False

    def __post_init__(self) -> None:
        if self.precision not in PRECISIONS:
            raise ValueError(f"unknown precision {self.precision!r}; known: {', '.join(PRECISIONS)}")

    def __str__(self) -> str:
        return f"{self.precision}, compiled" if self.compiled else self.precision

    def apply(self, network: UNet) -> None:
        """Has the network compute so from now on; its weights stay as they are.

        Matrix products outside the network are set to the same float32 arithmetic for the whole process.
        """
        _allow_tf32(self.precision == "tf32", self.precision == "tf32")
        network.working_dtype = torch.bfloat16 if self.precision == "bfloat16" else torch.float32
        if self.compiled:
            on_gpu = next(network.parameters()).is_cuda
            network.compile(fullgraph=True, dynamic=False, mode="reduce-overhead" if on_gpu else "default")


@contextlib.contextmanager
def float32_products() -> Iterator[None]:
    """While entered, a GPU multiplies whole float32 numbers; also a decorator.

    For what evaluates samples: whatever the samples were drawn with, and whatever torch's default is.
    """
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    _allow_tf32(False, False)
    try:
        yield
    finally:
        _allow_tf32(*before)


def _allow_tf32(products: bool, convolutions: bool) -> None:
    torch.backends.cuda.matmul.allow_tf32 = products
    torch.backends.cudnn.allow_tf32 = convolutions


def round_weights(network: UNet) -> None:
    """For evaluation: rounds the body's weights to the working dtype once, not at each call."""
    # Their taps are summed before they are rounded.
    summed = {module.conv for module in network.modules() if isinstance(module, Upsample)}
    for part in (network.down, network.mid, network.up):
        for module in part.modules():
            if isinstance(module, nn.Conv2d | nn.Linear) and module not in summed:
                module.to(network.working_dtype)
