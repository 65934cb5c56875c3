"""Tensors that call themselves CUDA's, on any build of torch, for what runs without autograd.

Of `FakeTensorMode`: torch itself compares their devices, and CUDA's autocast decides on dtypes. A build of
torch without CUDA refuses some calls of its front end that name the device, though nothing would be computed
there; `Calls` makes these in another way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensor, FakeTensorMode
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import _disable_current_modes

CUDA = torch.device("cuda:0")


class FakeCuda:
    """Makes such tensors; all that meet must be of one of these."""

    def __init__(self) -> None:
        self.mode = FakeTensorMode()

    def tensor(self, tensor: Tensor) -> Tensor:
        """One of the same shape, strides and dtype."""
        return FakeTensor(self.mode, tensor.detach().to("meta"), CUDA)

    def move(self, network: nn.Module) -> nn.Module:
        """Replaces a network's parameters."""
        for module in network.modules():
            for name, parameter in list(module.named_parameters(recurse=False)):
                delattr(module, name)
                setattr(module, name, self.tensor(parameter))
        return network

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """While entered, one can compute with them."""
        with Calls(self), self.mode, torch.no_grad():
            yield


class Calls(TorchFunctionMode):
    """Makes the calls that a build without CUDA refuses."""

    def __init__(self, fake: FakeCuda) -> None:
        super().__init__()
        self._fake = fake

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if func is Tensor.__getitem__:
            return _indexed(*args)
        if func is Tensor.contiguous:
            return args[0].to(memory_format=kwargs.get("memory_format", torch.contiguous_format))
        if kwargs.get("device") is not None and torch.device(kwargs["device"]).type == "cuda":
            with _disable_current_modes():
                return self._fake.tensor(func(*args, **{**kwargs, "device": "meta"}))
        return func(*args, **kwargs)


def _indexed(x: Tensor, key: Any) -> Tensor:
    """x[key] for None, slices, numbers and one tensor at a time."""
    place = 0
    for part in key if isinstance(key, tuple) else (key,):
        if isinstance(part, int):
            x = x.select(place, part)
            continue
        if part is None:
            x = x.unsqueeze(place)
        elif isinstance(part, slice):
            x = torch.ops.aten.slice(x, place, *part.indices(x.shape[place]))
        else:
            x = torch.ops.aten.index(x, [*[None] * place, part])
        place += 1
    return x


@contextlib.contextmanager
def autocast(device: str, dtype: torch.dtype, enabled: bool = True) -> Iterator[None]:
    """torch.autocast of CUDA, which switches itself off where there is no GPU."""
    assert device == "cuda"
    before = torch.is_autocast_enabled("cuda"), torch.get_autocast_dtype("cuda")
    torch.set_autocast_enabled("cuda", enabled)
    torch.set_autocast_dtype("cuda", dtype)
    torch.autocast_increment_nesting()
    try:
        yield
    finally:
        if torch.autocast_decrement_nesting() == 0:
            torch.clear_autocast_cache()
        torch.set_autocast_enabled("cuda", before[0])
        torch.set_autocast_dtype("cuda", before[1])
