"""Parameters and operations of a network, counted from its settings without building it.

Building the network would load torch, which the guard that every run of the workflow passes through
cannot wait for; a test holds these numbers against torch's own count of the U-Net.
"""

from __future__ import annotations

import dataclasses

from ddpm.study import Study
from ddpm.study.models import NetworkSettings

# torch-fidelity's Inception at 299 x 299, and its features and logits, as torch counts them.
INCEPTION_FLOPS = 11.43e9
# Forward and backward together, relative to forward (exact for convolutions and products of matrices).
TRAINING_TO_FORWARD = 3


@dataclasses.dataclass(frozen=True)
class NetworkCost:
    """Number of parameters, and floating-point operations (a multiply-add is two) of one image forward.

    Convolutions, linear layers and attention's products are counted; norms and activations are not
    (as torch.utils.flop_counter).
    """

    parameters: int
    flops: int

    def __add__(self, other: NetworkCost) -> NetworkCost:
        return NetworkCost(self.parameters + other.parameters, self.flops + other.flops)


def model_cost(study: Study, model: str) -> NetworkCost:
    """The cost of a model's U-Net."""
    settings = study.model(model)
    shape = study.datasets[settings.dataset].image_shape
    return unet_cost(settings.network, shape, 2 if settings.diffusion.variance == "learned" else 1)


def unet_cost(
    network: NetworkSettings, image_shape: tuple[int, int, int], output_multiple: int
) -> NetworkCost:
    """The cost of `ddpm.network.unet.UNet` with these settings (appendix B).

    Args:
        network: its settings.
        image_shape: channels, height, width.
        output_multiple: 1, or 2 for learned variance.
    """
    colours, height, width = image_shape
    base = network.channels
    sizes = [(height >> level) * (width >> level) for level in range(len(network.channel_multipliers))]
    widths = [base * multiple for multiple in network.channel_multipliers]
    attends = [(height >> level) in network.attention_resolutions for level in range(len(widths))]
    cost = _linear(base, 4 * base) + _linear(4 * base, 4 * base) + _convolution(3, colours, base, sizes[0])
    inputs, skips = base, [base]
    for level, (size, outputs) in enumerate(zip(sizes, widths, strict=True)):
        for _ in range(network.residual_blocks):
            cost += _block(inputs, outputs, base, size, attends[level])
            inputs = outputs
            skips.append(outputs)
        if level < len(widths) - 1:
            cost += _convolution(3, outputs, outputs, sizes[level + 1])
            skips.append(outputs)
    cost += _block(inputs, inputs, base, sizes[-1], attends=True) + _block(
        inputs, inputs, base, sizes[-1], False
    )
    for level in reversed(range(len(widths))):
        for _ in range(network.residual_blocks + 1):
            cost += _block(inputs + skips.pop(), widths[level], base, sizes[level], attends[level])
            inputs = widths[level]
        if level:
            cost += _doubling(inputs, sizes[level])
    return cost + _norm(inputs) + _convolution(3, inputs, colours * output_multiple, sizes[0])


def classifier_flops(image_shape: tuple[int, int, int]) -> int:
    """Operations of one image through `ddpm.evaluation.classifier.Classifier`, its last layer left out."""
    colours, height, width = image_shape
    first = _convolution(3, colours, 32, height * width) + _convolution(3, 32, 64, height * width)
    second = _convolution(3, 64, 64, (height // 2) * (width // 2)) + _linear(64 * 16, 64)
    return (first + second).flops


def _block(inputs: int, outputs: int, base: int, size: int, attends: bool) -> NetworkCost:
    """A residual block on `size` positions, with the attention that follows it if it attends."""
    cost = _norm(inputs) + _convolution(3, inputs, outputs, size) + _linear(4 * base, outputs)
    cost += _norm(outputs) + _convolution(3, outputs, outputs, size)
    if inputs != outputs:
        cost += _convolution(1, inputs, outputs, size)
    return cost + _attention(outputs, size) if attends else cost


def _attention(channels: int, size: int) -> NetworkCost:
    projection = _convolution(1, channels, channels, size)
    products = NetworkCost(0, 2 * (2 * size * size * channels))
    return _norm(channels) + projection + projection + projection + projection + products


def _convolution(kernel: int, inputs: int, outputs: int, positions: int) -> NetworkCost:
    weights = kernel * kernel * inputs * outputs
    return NetworkCost(weights + outputs, 2 * weights * positions)


def _doubling(channels: int, positions: int) -> NetworkCost:
    """`ddpm.network.layers.Upsample` on so many positions: the weights of 3x3, the products of 4x4."""
    parameters = _convolution(3, channels, channels, positions).parameters
    return NetworkCost(parameters, _convolution(4, channels, channels, positions).flops)


def _linear(inputs: int, outputs: int) -> NetworkCost:
    return _convolution(1, inputs, outputs, 1)


def _norm(channels: int) -> NetworkCost:
    return NetworkCost(2 * channels, 0)
