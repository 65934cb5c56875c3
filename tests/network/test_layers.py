"""Layers that are computed in another way than they are defined: equal to their definitions."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional

from ddpm.network.layers import AttentionBlock, Upsample, attend, doubling_kernel, pointwise


@settings(max_examples=20, deadline=None)
@given(
    channels=st.integers(1, 5),
    height=st.integers(1, 6),
    width=st.integers(1, 6),
    seed=st.integers(0, 2**20),
)
def test_doubling_and_its_convolution_are_one(channels, height, width, seed):
    generator = torch.Generator().manual_seed(seed)
    layer = Upsample(channels).double()
    x = torch.randn(2, channels, height, width, generator=generator, dtype=torch.float64)
    doubled = functional.interpolate(x, scale_factor=2.0, mode="nearest")
    kernel = doubling_kernel(layer.conv.weight)  # float32, as the network computes it
    ours = functional.conv_transpose2d(x, kernel.double(), layer.conv.bias, stride=2, padding=1)
    torch.testing.assert_close(ours, layer.conv(doubled), rtol=1e-5, atol=1e-6)


def test_gradients_of_doubling():
    torch.manual_seed(0)
    layer, x = Upsample(6), torch.randn(2, 6, 4, 4, requires_grad=True)
    weights = (layer.conv.weight, layer.conv.bias, x)
    ours = torch.autograd.grad(layer(x).square().sum(), weights)
    defined = layer.conv(functional.interpolate(x, scale_factor=2.0, mode="nearest"))
    for gradient, wanted in zip(ours, torch.autograd.grad(defined.square().sum(), weights), strict=True):
        torch.testing.assert_close(gradient, wanted, rtol=1e-4, atol=1e-4)


def test_attention_is_the_softmax_of_scaled_products():
    torch.manual_seed(0)
    q, k, v = torch.randn(3, 2, 12, 8, dtype=torch.float64)
    wanted = functional.scaled_dot_product_attention(q, k, v)
    torch.testing.assert_close(attend(q, k, v), wanted, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_attention_block_against_dense_layers(layout):
    """Dense layers as 1x1 convolutions, in both layouts of memory."""
    torch.manual_seed(0)
    block, x = AttentionBlock(8, 4), torch.randn(3, 8, 4, 6)
    tokens = block.norm(x).flatten(2).transpose(1, 2)
    h = functional.scaled_dot_product_attention(block.q(tokens), block.k(tokens), block.v(tokens))
    wanted = x + block.proj_out(h).transpose(1, 2).reshape(x.shape)
    ours = block(x.contiguous(memory_format=layout))
    assert ours.is_contiguous(memory_format=layout)
    torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
def test_a_dense_layer_at_each_position_is_a_convolution_of_size_one(layout):
    torch.manual_seed(0)
    x = torch.randn(3, 5, 4, 6).contiguous(memory_format=layout).requires_grad_()
    layer = torch.nn.Conv2d(5, 7, 1)
    ours, wanted = pointwise(x, layer.weight.flatten(1), layer.bias), layer(x)
    assert ours.is_contiguous(memory_format=layout)
    torch.testing.assert_close(ours, wanted, rtol=1e-5, atol=1e-6)
    of = (x, *layer.parameters())
    for gradient, defined in zip(
        torch.autograd.grad(ours.square().sum(), of),
        torch.autograd.grad(wanted.square().sum(), of),
        strict=True,
    ):
        torch.testing.assert_close(gradient, defined, rtol=1e-4, atol=1e-4)
