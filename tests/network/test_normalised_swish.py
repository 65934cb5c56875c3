"""swish(GroupNorm(x)) and its hand-written backward pass against their definition, in float64."""

import pytest
import torch
from torch import nn

from ddpm.network import normalised_swish
from ddpm.network.layers import GROUP_NORM_EPSILON

LAYOUTS = [torch.contiguous_format, torch.channels_last]
# Half a unit in the last place of bfloat16, relative.
ROUNDING = 2.0**-9


@pytest.fixture(params=[0, 2**19], ids=["own", "autograd"])
def backward(request, monkeypatch):
    """The backward pass of large tensors, and of small ones."""
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", request.param)


def problem(layout, dtype, groups=4) -> tuple[nn.GroupNorm, torch.Tensor, torch.Tensor]:
    """A GroupNorm with weights that matter, its input with a mean, and the gradient of its output."""
    generator = torch.Generator().manual_seed(0)
    norm = nn.GroupNorm(groups, 8, eps=GROUP_NORM_EPSILON)
    with torch.no_grad():
        norm.weight.add_(0.3 * torch.randn(8, generator=generator))
        norm.bias.add_(0.3 * torch.randn(8, generator=generator))
    x = 2 * torch.randn(3, 8, 4, 6, generator=generator) + torch.arange(8.0)[:, None, None]
    x = x.to(dtype).contiguous(memory_format=layout).requires_grad_()
    return norm, x, torch.randn(3, 8, 4, 6, generator=generator).contiguous(memory_format=layout)


def defined(norm: nn.GroupNorm, x: torch.Tensor, gradient: torch.Tensor) -> list[torch.Tensor]:
    """Output and gradients of x, weight and bias by the formula, in float64; all float64."""
    x = x.detach().double().requires_grad_()
    weight, bias = (p.detach().double().requires_grad_() for p in (norm.weight, norm.bias))
    grouped = x.reshape(len(x), norm.num_groups, -1)
    centred = grouped - grouped.mean(2, keepdim=True)
    scaled = centred / (centred.square().mean(2, keepdim=True) + norm.eps).sqrt()
    y = scaled.reshape(x.shape) * weight[:, None, None] + bias[:, None, None]
    output = y * torch.sigmoid(y)
    return [output.detach(), *torch.autograd.grad(output, (x, weight, bias), gradient.double())]


def relative(ours: torch.Tensor, wanted: torch.Tensor) -> float:
    return float((ours.detach().double() - wanted).norm() / wanted.norm())


@pytest.mark.usefixtures("backward")
@pytest.mark.parametrize("groups", [1, 4, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_output_and_gradients(layout, dtype, groups):
    norm, x, gradient = problem(layout, dtype, groups)
    output = normalised_swish.normalised_swish(norm, x)
    ours = torch.autograd.grad(output, (x, norm.weight, norm.bias), gradient)
    assert output.dtype == torch.float32
    assert [part.dtype for part in ours] == [dtype, torch.float32, torch.float32]
    wanted = defined(norm, x, gradient)
    for part, exact in zip((output, *ours[1:]), (wanted[0], *wanted[2:]), strict=True):
        assert relative(part, exact) < 2e-6
    # The gradient of a bfloat16 input is rounded once, at the end.
    assert relative(ours[0], wanted[1]) < (2e-6 if dtype == torch.float32 else ROUNDING)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_without_gradients_it_is_the_same_function(layout):
    norm, x, gradient = problem(layout, torch.float32)
    before = x.detach().clone()
    with torch.no_grad():
        output = normalised_swish.normalised_swish(norm, x)
    assert relative(output, defined(norm, x, gradient)[0]) < 2e-6
    assert torch.equal(x, before)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_the_gradients_layout_does_not_matter(layout, monkeypatch):
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", 0)
    norm, x, gradient = problem(layout, torch.float32)
    other = gradient.contiguous(memory_format=next(each for each in LAYOUTS if each != layout))
    output = normalised_swish.normalised_swish(norm, x)
    ours = torch.autograd.grad(output, (x, norm.weight, norm.bias), other)
    for part, exact in zip(ours, defined(norm, x, gradient)[1:], strict=True):
        assert relative(part, exact) < 2e-6


@pytest.mark.usefixtures("backward")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout_is_kept(layout):
    norm, x, gradient = problem(layout, torch.float32)
    output = normalised_swish.normalised_swish(norm, x)
    [of_x] = torch.autograd.grad(output, x, gradient)
    assert output.is_contiguous(memory_format=layout)
    assert of_x.is_contiguous(memory_format=layout)


@pytest.mark.parametrize(("elements", "kept"), [(0, 1), (2**19, 2)])
def test_of_large_tensors_the_input_alone_is_kept(elements, kept, monkeypatch):
    """Of small ones GroupNorm's input and swish's."""
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", elements)
    norm, x, _ = problem(torch.contiguous_format, torch.float32)
    large = set()

    def note(tensor):
        if tensor.shape == x.shape:
            large.add(tensor.data_ptr())
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(note, lambda tensor: tensor):
        output = normalised_swish.normalised_swish(norm, x)
    assert len(large) == kept
    assert output.requires_grad


def test_a_weight_that_needs_no_gradient_gets_none(monkeypatch):
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", 0)
    norm, x, gradient = problem(torch.channels_last, torch.float32)
    norm.requires_grad_(False)
    normalised_swish.normalised_swish(norm, x).backward(gradient)
    assert relative(x.grad, defined(norm, x, gradient)[1]) < 2e-6
    assert norm.weight.grad is norm.bias.grad is None
