"""How a network is computed: the precision of its numbers, compilation, and batches that exceed the memory.

bfloat16 holds for the body of the U-Net alone. Its first and last convolution, the timestep's embedding,
GroupNorm, swish, softmax and all that surrounds the network (loss, gradients, Adam, average, reverse process,
bound) are in float32, and so are the weights that are trained. The first convolution matters: beta_1 = 1e-4
is noise of a standard deviation of 0.01, a size at which bfloat16 rounds pixels.
"""

from __future__ import annotations

import contextlib
import dataclasses
import logging
from collections.abc import Iterator

import torch
from torch import Tensor, nn

from ddpm.network.layers import Upsample
from ddpm.network.unet import UNet

logger = logging.getLogger("ddpm")

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
def products_restored() -> Iterator[None]:
    """On leaving, matrix products of the process have the arithmetic that they had before."""
    before = torch.backends.cuda.matmul.allow_tf32, torch.backends.cudnn.allow_tf32
    try:
        yield
    finally:
        _allow_tf32(*before)


@contextlib.contextmanager
def float32_products() -> Iterator[None]:
    """While entered, a GPU multiplies whole float32 numbers; also a decorator.

    For what evaluates samples: whatever the samples were drawn with, and whatever torch's default is.
    """
    with products_restored():
        _allow_tf32(False, False)
        yield


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


class BatchSplittingNetwork:
    """Calls a trained network with whole batches, or in parts where a whole one exceeds the GPU's memory.

    The parts are half as large as the call that failed, again and again if need be, and stay so for all calls
    that follow. Noise belongs to images, not to batches, so the results are the same up to rounding; their
    provenance tells the size (`provenance`).

    Args:
        network: in evaluation mode; no gradient passes through it here.

    Attributes:
        image_shape: the network's (C, H, W).
        largest: images in one call; None as long as no batch has exceeded the memory.
    """

    def __init__(self, network: UNet) -> None:
        self.network = network
        self.image_shape = network.image_shape
        self.largest: int | None = None

    def __call__(self, x: Tensor, index: Tensor) -> Tensor:
        """X_t float32 [B, C, H, W] and index int64 [B] to [B, output_multiple C, H, W].

        Raises:
            torch.OutOfMemoryError: a single image exceeds the memory.
        """
        while True:
            # The error is gone, with all tensors that its frames held, before the next attempt.
            if (result := self._attempt(x, index)) is not None:
                return result
            torch.cuda.empty_cache()

    def _attempt(self, x: Tensor, index: Tensor) -> Tensor | None:
        """The result, or None if the memory was exceeded and a smaller part can be tried."""
        size = min(len(x), self.largest or len(x))
        try:
            pairs = zip(x.split(size), index.split(size), strict=True)
            # A compiled network's output lies in memory that its next call overwrites.
            parts = [self.network(*pair).clone() for pair in pairs]
            return parts[0] if len(parts) == 1 else torch.cat(parts)
        except torch.OutOfMemoryError:
            if size == 1:
                raise
            self.largest = -(-size // 2)
        logger.warning(
            "%d images at once exceed the GPU's memory: going on with %d at once", size, self.largest
        )
        return None

    def provenance(self) -> dict[str, int]:
        """`network_batch`, the images in one call, if the batches of the settings exceeded the memory."""
        return {} if self.largest is None else {"network_batch": self.largest}
