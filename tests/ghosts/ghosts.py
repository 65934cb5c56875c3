"""What a GPU would refuse or wait for, found without one: operations on tensors that have no data ("ghosts").

Ghosts are tensors of torch's device `meta`: to torch's front end a device that is no CPU, so that its layouts
are those of a GPU. While `ghosts()` is entered, each operation on them is checked:

- *layout, dtype, device* by torch's own compiled function for the CPU, which is called with the ghosts. Its
  checks come before any arithmetic, for which ghosts have no data; that it has come so far is what is wanted.
- by rules for what those functions do not check: kernels that read a layout wrongly without a word, products
  of different dtypes, fused attention's neighbouring channels.
- *waiting*: data that go from the host to the device, or back, make the host wait for the device. Ghosts have
  no data to give, so torch itself refuses the way back; the way there is refused here.
"""

from __future__ import annotations

import collections
import contextlib
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

aten = torch.ops.aten

# What a CPU function says of ghosts that have passed its checks: there is no kernel, or there are no data.
_PASSED = (
    "unsupported device typemeta",
    "no data",
    "data is not allocated",
    "cannot be called on meta tensors",
    "to have CPU Backend, but got tensor with Meta Backend",
    "two devices, meta and cpu",  # the result, which the function has made on the CPU
    "Expected a value of type 'Tensor'",  # a number that the front end makes a tensor of
)
# Kernels of GPUs that take the usual layout alone, and do not say so.
_CONTIGUOUS = {aten.native_group_norm_backward.default: (0, 1)}
_OF_ONE_DTYPE = {
    aten.convolution.default,
    aten.convolution_backward.default,
    aten.addmm.default,
    aten.mm.default,
    aten.bmm.default,
    aten.baddbmm.default,
}
# Functions for the CPU that compute without a check that depends on the device: without data, they crash.
_UNCHECKED = {aten.cat.default, aten.sort.stable, aten.mm.default, aten.bmm.default}
_UNCHECKED |= {aten.addmm.default, aten.baddbmm.default}
# Bytes: what fused attention loads at once.
_ALIGNMENT = 16


class Refused(Exception):
    """A GPU would refuse this call, compute something else, or make the host wait."""


class Operations(TorchDispatchMode):
    """Checks each operation on ghosts once for each kind of arguments.

    Attributes:
        counts: calls of each operation on ghosts, by its name, `aten.convolution.default` for one.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counts: collections.Counter[str] = collections.Counter()
        self._checked: set[Any] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        tensors = _tensors(args, kwargs)
        if any(tensor.is_meta for tensor in tensors):
            self.counts[str(func)] += 1
            kind = func, *(_kind(value) for value in torch.utils._pytree.tree_leaves((args, kwargs)))
            if kind not in self._checked:
                self._checked.add(kind)
                _check(func, args, kwargs, tensors)
        elif tensors and torch.device(kwargs.get("device") or "cpu").type == "meta":
            raise Refused(f"{func}: copies data of the host to the device, and waits")
        return func(*args, **kwargs)


def _tensors(args: Any, kwargs: Any) -> list[Tensor]:
    return [value for value in torch.utils._pytree.tree_leaves((args, kwargs)) if isinstance(value, Tensor)]


def _kind(value: Any) -> Any:
    return (
        (value.device.type, value.dtype, value.shape, value.stride()) if isinstance(value, Tensor) else value
    )


def _check(func: Any, args: Any, kwargs: Any, tensors: list[Tensor]) -> None:
    # A number in a tensor of the host is handed to elementwise kernels as a number; `where` would copy it.
    takes_numbers = torch.Tag.pointwise in func.tags and func is not aten.where.self
    if others := [
        tensor for tensor in tensors if not (tensor.is_meta or (takes_numbers and tensor.dim() == 0))
    ]:
        raise Refused(
            f"{func}: takes a tensor of the host, {list(others[0].shape)}, beside one of the device"
        )
    for place in _CONTIGUOUS.get(func, ()):
        if not args[place].is_contiguous():
            raise Refused(f"{func}: argument {place} has strides {args[place].stride()}, read as contiguous")
    floating = {tensor.dtype for tensor in tensors if tensor.is_floating_point()}
    if func in _OF_ONE_DTYPE and len(floating) > 1:
        raise Refused(f"{func}: of different dtypes: {sorted(map(str, floating))}")
    if func not in _UNCHECKED and torch._C._dispatch_has_kernel_for_dispatch_key(func.name(), "CPU"):
        try:
            func.redispatch(torch._C.DispatchKeySet(torch._C.DispatchKey.CPU), *args, **kwargs)
        except (RuntimeError, NotImplementedError) as error:
            if not any(words in str(error) for words in _PASSED):
                raise Refused(f"{func}: {error}") from error


class Calls(TorchFunctionMode):
    """Checks calls whose kind is lost in operations: attention, and tensors made of numbers."""

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        device = torch.device(kwargs.get("device") or "cpu")
        if func in (torch.tensor, torch.as_tensor) and device.type == "meta":
            raise Refused(f"{func.__name__}: copies data of the host to the device, and waits")
        if func is functional.scaled_dot_product_attention:
            for tensor in _tensors(args, kwargs):
                _check_fused_attention(tensor)
        return func(*args, **kwargs)


def _check_fused_attention(tensor: Tensor) -> None:
    *others, last = tensor.stride()
    unaligned = [stride for stride in others if stride * tensor.element_size() % _ALIGNMENT]
    if tensor.is_meta and (last != 1 or unaligned):
        raise Refused(f"fused attention: strides {tensor.stride()}, its channels are no neighbours in memory")


class LowerPrecision(TorchFunctionMode):
    """Casts as CUDA's autocast does, for ghosts, which torch's autocast does not know."""

    CAST = frozenset(
        {
            *(torch.conv2d, functional.conv2d, functional.conv_transpose2d, functional.linear),
            *(torch.bmm, torch.baddbmm, torch.matmul, functional.scaled_dot_product_attention),
        }
    )

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in self.CAST:
            args, kwargs = torch.utils._pytree.tree_map(_in_bfloat16, (args, kwargs or {}))
        return func(*args, **(kwargs or {}))


def _in_bfloat16(value: Any) -> Any:
    return value.bfloat16() if isinstance(value, Tensor) and value.is_floating_point() else value


def autocast(device: str, dtype: torch.dtype, enabled: bool = True) -> contextlib.AbstractContextManager[Any]:
    """Stands in for torch.autocast while ghosts are computed with."""
    assert (device, dtype) == ("meta", torch.bfloat16)
    return LowerPrecision() if enabled else contextlib.nullcontext()


@contextlib.contextmanager
def ghosts() -> Iterator[collections.Counter[str]]:
    """Checks what is called on ghosts; gives the counts of operations."""
    with Operations() as operations, Calls():
        yield operations.counts
