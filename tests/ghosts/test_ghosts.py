"""Ghosts tell what a GPU refuses, misreads or waits for, and nothing else."""

import ghosts
import pytest
import torch
from torch import Tensor
from torch.nn import functional

from ddpm.network.layers import GROUP_NORM_EPSILON, attend
from ddpm.network.normalised_swish import _NormalisedSwish, normalised_swish

B, C, H = 2, 64, 16


def ghost(*shape: int, dtype: torch.dtype = torch.float32, channels_last: bool = False) -> Tensor:
    layout = torch.channels_last if channels_last else torch.contiguous_format
    return torch.empty(shape, dtype=dtype, device="meta").to(memory_format=layout)


def native_norm(x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.native_group_norm(x, None, None, B, C, H * H, 32, GROUP_NORM_EPSILON)


def native_norm_backward(gradient: Tensor, x: Tensor) -> None:
    mean = ghost(B, 32)
    torch.ops.aten.native_group_norm_backward(
        gradient, x, mean, mean, None, B, C, H * H, 32, [True, False, False]
    )


REFUSED = {
    "channels last in GroupNorm": lambda: native_norm(ghost(B, C, H, H, channels_last=True)),
    "channels last in its backward pass": lambda: native_norm_backward(
        ghost(B, C, H, H), ghost(B, C, H, H, channels_last=True)
    ),
    "channels last of its gradient": lambda: native_norm_backward(
        ghost(B, C, H, H, channels_last=True), ghost(B, C, H, H)
    ),
    "channels apart in attention": lambda: attend(*[ghost(B, C, H * H).transpose(1, 2)] * 3),
    "two dtypes in a convolution": lambda: functional.conv2d(
        ghost(B, C, H, H), ghost(C, C, 3, 3, dtype=torch.bfloat16)
    ),
    "two dtypes in a product": lambda: torch.bmm(ghost(B, C, H), ghost(B, H, C, dtype=torch.bfloat16)),
    "an index of the host": lambda: ghost(B, C)[torch.arange(B)],
    "a mask of the host": lambda: torch.where(torch.ones(B, C) > 0, ghost(B, C), ghost(B, C)),
    "a number in a tensor of the host, in a mask": lambda: torch.where(
        ghost(B, C) > 0, ghost(B, C), torch.zeros(())
    ),
    "a number made a tensor": lambda: torch.as_tensor(3, device="meta"),
    "numbers made a tensor": lambda: torch.tensor([1.0, 2.0], device="meta"),
    "data of the host": lambda: torch.ones(3).to("meta"),
}
PASSED = {
    "GroupNorm": lambda: native_norm(ghost(B, C, H, H)),
    "its backward pass": lambda: native_norm_backward(ghost(B, C, H, H), ghost(B, C, H, H)),
    "torch's own GroupNorm": lambda: functional.group_norm(ghost(B, C, H, H, channels_last=True), 32),
    "attention": lambda: attend(*[ghost(B, H * H, C)] * 3),
    "convolution": lambda: functional.conv2d(ghost(B, C, H, H, channels_last=True), ghost(C, C, 3, 3)),
    "an index of the device": lambda: ghost(B, C)[torch.arange(B, device="meta")],
    "a number of the host": lambda: ghost(B, C) * 2.0,
    "a number in a tensor of the host": lambda: ghost(B, C) * torch.ones(()),
    "a number in a mask": lambda: torch.where(ghost(B, C) > 0, ghost(B, C), 0.0),
}


@pytest.mark.parametrize("what", REFUSED)
def test_refused(what):
    with ghosts.ghosts(), pytest.raises(ghosts.Refused):
        REFUSED[what]()


@pytest.mark.parametrize("what", PASSED)
def test_passed(what):
    with ghosts.ghosts() as counts:
        PASSED[what]()
    assert counts


@pytest.mark.parametrize("fetched", [Tensor.item, Tensor.tolist, Tensor.cpu, bool, int])
def test_what_waits_for_the_device(fetched):
    with ghosts.ghosts(), pytest.raises((RuntimeError, NotImplementedError), match="meta"):
        fetched(ghost(1))


def test_the_frugal_pass_would_be_refused():
    """Why it holds for a CPU alone."""
    norm = torch.nn.GroupNorm(32, C, device="meta")
    x = ghost(B, C, H, H, channels_last=True)
    with ghosts.ghosts():
        with pytest.raises(ghosts.Refused, match="native_group_norm"):
            _NormalisedSwish.apply(x, norm.weight, norm.bias, 32, GROUP_NORM_EPSILON)
        normalised_swish(norm, x.requires_grad_()).sum().backward()
    assert x.grad is not None


def test_autocast_of_ghosts():
    x, weight = ghost(B, C, H, H), ghost(C, C, 3, 3)
    with ghosts.ghosts(), ghosts.autocast("meta", torch.bfloat16):
        assert functional.conv2d(x, weight).dtype == torch.bfloat16
        assert functional.silu(x).dtype == torch.float32
