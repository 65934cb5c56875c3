"""The counted cost of a network equals torch's count of the network itself."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode

from ddpm.evaluation.classifier import Classifier
from ddpm.network.unet import UNet
from ddpm.plan.network_cost import classifier_flops, unet_cost
from ddpm.study.models import NetworkSettings


def flops(network, *inputs):
    """torch's count; it does not know the processor's fused attention, so that is kept out."""
    counter = FlopCounterMode(display=False)
    with counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        network(*inputs)
    return counter.get_total_flops()


def test_the_papers_network():
    cost = unet_cost(NetworkSettings(), (3, 32, 32), 1)
    assert cost.parameters == 35_746_307
    # 12.4437e9 with doubling and convolution apart; together, 4 instead of 9 products an output pixel.
    saved = 2 * (9 - 4) * 256**2 * (32**2 + 16**2 + 8**2)
    assert cost.flops == pytest.approx(12.4437e9 - saved, rel=1e-5)
    assert unet_cost(NetworkSettings(), (3, 32, 32), 2).parameters == 35_749_766


def test_the_papers_network_for_256_pixels():
    network = NetworkSettings(channel_multipliers=[1, 1, 2, 2, 4, 4])
    assert unet_cost(network, (3, 256, 256), 1).parameters == 113_673_219


@settings(max_examples=12)
@given(
    channels=st.sampled_from([8, 12]),
    multipliers=st.lists(st.integers(1, 3), min_size=1, max_size=3),
    blocks=st.integers(1, 2),
    attends=st.sets(st.sampled_from([16, 8, 4])),
    colours=st.sampled_from([1, 3]),
    outputs=st.sampled_from([1, 2]),
)
def test_any_network(channels, multipliers, blocks, attends, colours, outputs):
    resolutions = [16 >> level for level in range(len(multipliers))]
    network = NetworkSettings(
        channels=channels,
        channel_multipliers=multipliers,
        residual_blocks=blocks,
        attention_resolutions=[height for height in resolutions if height in attends],
        groups=4,
    )
    shape = (colours, 16, 16)
    unet = UNet(
        shape, channels, multipliers, blocks, network.attention_resolutions, groups=4, output_multiple=outputs
    )
    cost = unet_cost(network, shape, outputs)
    assert cost.parameters == sum(math.prod(weights.shape) for weights in unet.parameters())
    inputs = torch.zeros(1, *shape), torch.zeros(1, dtype=torch.int64)
    assert cost.flops == flops(unet.eval(), *inputs)


def test_the_classifier():
    classifier = Classifier((1, 8, 8), 10)
    assert classifier_flops((1, 8, 8)) == flops(classifier, torch.zeros(1, 1, 8, 8)) - 2 * 64 * 10
