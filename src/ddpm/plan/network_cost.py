"""Parameters, operations and memory of a network, counted from its settings without building it.

Building the network would load torch, which the guard that every run of the workflow passes through
cannot wait for; tests hold these numbers against torch's own counts of the U-Net.
"""

from __future__ import annotations

import dataclasses

from ddpm.study import Study
from ddpm.study.models import NetworkSettings

# torch-fidelity's Inception at 299 x 299, and its features and logits, as torch counts them.
INCEPTION_FLOPS = 11.43e9
# Forward and backward together, relative to forward (exact for convolutions and products of matrices).
TRAINING_TO_FORWARD = 3

FLOAT_BYTES = 4
# Of a number in the network's body, where autocast computes with it (`ddpm.network.execution`).
WORKING_BYTES = {"float32": 4, "tf32": 4, "bfloat16": 2}


@dataclasses.dataclass(frozen=True)
class NetworkCost:
    """What a network, or some layers of it, costs.

    Attributes:
        parameters: their number.
        flops: floating-point operations (a multiply-add is two) of one image forward. Convolutions, linear
            layers and attention's products are counted; norms and activations are not (as
            torch.utils.flop_counter).
        kept: bytes of one image's activations that a GPU keeps for the backward pass.
        inputs: bytes of those that enter the parts that checkpointing computes again.
        part: bytes that such a part needs at most in its backward pass, for which it is computed again.
        live: bytes of one image's activations at once, at most, where no gradient is asked for.
    """

    parameters: int
    flops: int
    kept: int = 0
    inputs: int = 0
    part: int = 0
    live: int = 0

    def __add__(self, other: NetworkCost) -> NetworkCost:
        return NetworkCost(
            self.parameters + other.parameters,
            self.flops + other.flops,
            self.kept + other.kept,
            self.inputs + other.inputs,
            max(self.part, other.part),
            max(self.live, other.live),
        )


def model_cost(study: Study, model: str, precision: str = "float32") -> NetworkCost:
    """The cost of a model's U-Net, computed in some precision."""
    settings = study.model(model)
    shape = study.datasets[settings.dataset].image_shape
    multiple = 2 if settings.diffusion.variance == "learned" else 1
    return unet_cost(settings.network, shape, multiple, WORKING_BYTES[precision])


def unet_cost(
    network: NetworkSettings,
    image_shape: tuple[int, int, int],
    output_multiple: int,
    working: int = FLOAT_BYTES,
) -> NetworkCost:
    """The cost of `ddpm.network.unet.UNet` with these settings (appendix B).

    Args:
        network: its settings.
        image_shape: channels, height, width.
        output_multiple: 1, or 2 for learned variance.
        working: bytes of a number in the network's body, 4 or 2.
    """
    colours, height, width = image_shape
    base = network.channels
    sizes = [(height >> level) * (width >> level) for level in range(len(network.channel_multipliers))]
    widths = [base * multiple for multiple in network.channel_multipliers]
    attends = [(height >> level) in network.attention_resolutions for level in range(len(widths))]
    # The first convolution's output stays to the end; in bfloat16, beside its copy that waits for the way up.
    first = base * sizes[0]
    stays = first if working == FLOAT_BYTES else 0

    def block(inputs: int, outputs: int, level: int, attends: bool, waiting: int) -> NetworkCost:
        cost = _block(inputs, outputs, base, sizes[level], working, network.dropout > 0)
        cost += _live(inputs * sizes[level], outputs * sizes[level], waiting, working, first)
        return cost + _attention(outputs, sizes[level], working) if attends else cost

    def again(cost: NetworkCost, entering: int, gradients: int = 0) -> NetworkCost:
        """Of a part that `ddpm.network.unet` can compute again, which so many numbers enter."""
        return dataclasses.replace(cost, inputs=working * entering, part=cost.kept + gradients)

    def block_again(
        inputs: int, joined: int, outputs: int, level: int, attends: bool, waiting: int
    ) -> NetworkCost:
        """Of a block that `inputs` channels enter, and `joined` ones that are kept for the way down."""
        cost = block(inputs + joined, outputs, level, attends, waiting)
        gradients = _gradients(inputs + joined, outputs, working, network.dropout > 0)
        return again(cost, inputs * sizes[level], gradients * sizes[level])

    cost = _linear(base, 4 * base) + _linear(4 * base, 4 * base) + _convolution(3, colours, base, sizes[0])
    # Elements of what waits for the way up: the last of them is what comes next on the way down.
    inputs, skips, waiting = base, [base], [first]
    for level, (size, outputs) in enumerate(zip(sizes, widths, strict=True)):
        for _ in range(network.residual_blocks):
            cost += block_again(inputs, 0, outputs, level, attends[level], sum(waiting[:-1]))
            inputs = outputs
            skips.append(outputs)
            waiting.append(outputs * size)
        if level < len(widths) - 1:
            padded = ((height >> level) + 1) * ((width >> level) + 1)
            part = _convolution(3, outputs, outputs, sizes[level + 1]) + _kept(working * outputs * padded)
            cost += again(part, outputs * size)
            skips.append(outputs)
            waiting.append(outputs * sizes[level + 1])
    for attending in (True, False):
        cost += block_again(inputs, 0, inputs, -1, attending, sum(waiting))
    for level in reversed(range(len(widths))):
        entered = inputs * sizes[level]
        for number in range(network.residual_blocks + 1):
            waiting.pop()
            beside = max(sum(waiting), stays) + entered + (inputs * sizes[level] if number else 0)
            cost += block_again(inputs, skips.pop(), widths[level], level, attends[level], beside)
            inputs = widths[level]
        if level:
            entering = inputs * sizes[level]
            cost += dataclasses.replace(
                _doubling(inputs, sizes[level]), kept=working * entering, inputs=working * entering
            )
    head = _norm(inputs) + _convolution(3, inputs, colours * output_multiple, sizes[0])
    kept = FLOAT_BYTES * (3 * inputs + colours) * sizes[0]
    return cost + again(head + _kept(kept), inputs * sizes[0])


def classifier_flops(image_shape: tuple[int, int, int]) -> int:
    """Operations of one image through `ddpm.evaluation.classifier.Classifier`, its last layer left out."""
    colours, height, width = image_shape
    first = _convolution(3, colours, 32, height * width) + _convolution(3, 32, 64, height * width)
    second = _convolution(3, 64, 64, (height // 2) * (width // 2)) + _linear(64 * 16, 64)
    return (first + second).flops


def _block(inputs: int, outputs: int, base: int, size: int, working: int, drops: bool) -> NetworkCost:
    """A residual block on `size` positions.

    Kept: what both norms take and give, in float32; what both convolutions take; the mask of dropout; in
    bfloat16 also what the shortcut takes.
    """
    cost = _norm(inputs) + _convolution(3, inputs, outputs, size) + _linear(4 * base, outputs)
    cost += _norm(outputs) + _convolution(3, outputs, outputs, size)
    cost += _kept(size * ((2 * FLOAT_BYTES + working) * (inputs + outputs) + outputs * drops))
    if inputs == outputs:
        return cost
    return cost + _convolution(1, inputs, outputs, size) + _kept(size * inputs * copy_bytes(working))


def _gradients(inputs: int, outputs: int, working: int, drops: bool) -> int:
    """Bytes a position, at most, of the gradients that a block's backward pass has at once.

    Those of what enters it and of what its second convolution gives and takes; in bfloat16, dropout's are of
    another dtype than the convolution's, and there are more of them.
    """
    more = (FLOAT_BYTES + working) * outputs if drops and working < FLOAT_BYTES else 0
    return working * (inputs + outputs) + FLOAT_BYTES * outputs + more


def _live(x: int, output: int, waiting: int, working: int, first: int) -> NetworkCost:
    """Within a block: what waits, x, its norm, and the convolution's output, or in bfloat16 x in float32."""
    if working < FLOAT_BYTES:
        return NetworkCost(0, 0, live=working * (waiting + x) + FLOAT_BYTES * (2 * x + first))
    return NetworkCost(0, 0, live=FLOAT_BYTES * (waiting + 2 * x + output))


def _attention(channels: int, size: int, working: int) -> NetworkCost:
    """Kept by fused attention: what the norm takes, in float32; what it gives; q, k and v; their result."""
    projection = _convolution(1, channels, channels, size)
    products = NetworkCost(0, 2 * (2 * size * size * channels), size * channels * (FLOAT_BYTES + 5 * working))
    return _norm(channels) + projection + projection + projection + projection + products


def copy_bytes(working: int) -> int:
    """Bytes of a float32 number's copy in the working precision, where that is another."""
    return working if working < FLOAT_BYTES else 0


def _kept(count: int) -> NetworkCost:
    return NetworkCost(0, 0, kept=count)


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
