"""The convolutions of this project's step alone: how fast the machine makes what takes the most time.

A step is made once under a mode that sees every operator; its convolutions, forward and backward, are then
repeated by themselves, each on inputs of the same shapes, dtypes and layout. Their rate is what the step
would reach if all else took no time.
"""

from __future__ import annotations

import dataclasses
import math
from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from timing.setting import Prepared
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

_FORWARD = torch.ops.aten.convolution.default
_BACKWARD = torch.ops.aten.convolution_backward.default


@dataclasses.dataclass(frozen=True)
class _Like:
    """Stands for a tensor: what is needed to make another like it."""

    shape: tuple[int, ...]
    stride: tuple[int, ...]
    dtype: torch.dtype
    device: str


@dataclasses.dataclass(frozen=True)
class Convolutions:
    """The convolutions of a step.

    Attributes:
        call: makes all of them once.
        operations: floating-point operations of that; a multiply-add is two.
    """

    call: Callable[[], Tensor]
    operations: float


def convolutions_of(prepared: Prepared) -> Convolutions:
    """Records the convolutions of one call of a step that is not compiled."""
    with _Recorder() as recorder:
        prepared.call()
    made: dict[_Like, Tensor] = {}
    work = [(operator, _filled(arguments, made), n) for (operator, arguments), n in recorder.seen.items()]

    @torch.no_grad()
    def call() -> Tensor:
        result: Any = None
        for operator, arguments, count in work:
            for _ in range(count):
                result = operator(*arguments)
        return next(part for part in _tensors(result))

    total = sum(_operations(operator, arguments) * count for operator, arguments, count in work)
    return Convolutions(call, float(total))


class _Recorder(TorchDispatchMode):
    """Counts calls of convolutions that are alike; the operators do their work."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: Counter[tuple[Any, tuple[Any, ...]]] = Counter()

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in (_FORWARD, _BACKWARD):
            self.seen[func, tuple(_described(argument) for argument in args)] += 1
        return func(*args, **(kwargs or {}))


def _described(argument: Any) -> Any:
    if isinstance(argument, Tensor):
        device = argument.device.type
        return _Like(tuple(argument.shape), tuple(argument.stride()), argument.dtype, device)
    return tuple(argument) if isinstance(argument, list | tuple) else argument


def _filled(arguments: tuple[Any, ...], made: dict[_Like, Tensor]) -> list[Any]:
    """The arguments with tensors of random numbers; like ones share a tensor."""
    filled: list[Any] = []
    for argument in arguments:
        if isinstance(argument, _Like):
            if argument not in made:
                empty = torch.empty_strided(
                    argument.shape, argument.stride, dtype=argument.dtype, device=argument.device
                )
                made[argument] = empty.normal_(std=0.1)
            filled.append(made[argument])
        else:
            filled.append(list(argument) if isinstance(argument, tuple) else argument)
    return filled


def _tensors(result: Any) -> list[Tensor]:
    parts = result if isinstance(result, tuple | list) else [result]
    return [part for part in parts if isinstance(part, Tensor)]


def _operations(operator: Any, arguments: list[Any]) -> int:
    """Of one call: each weight meets each position of the smaller of the two images."""
    if operator is _FORWARD:
        x, weight, transposed, outputs = arguments[0], arguments[1], arguments[6], 1
        positions = math.prod(x.shape[2:]) if transposed else _output_positions(arguments)
    else:
        gradient, x, weight, transposed = arguments[0], arguments[1], arguments[2], arguments[7]
        positions = math.prod((x if transposed else gradient).shape[2:])
        outputs = sum(bool(wanted) for wanted in arguments[10][:2])
    return 2 * len(x) * weight.numel() * positions * outputs


def _output_positions(arguments: list[Any]) -> int:
    x, weight, _, stride, padding = arguments[:5]
    sizes = zip(x.shape[2:], weight.shape[2:], stride, padding, strict=True)
    return math.prod((size + 2 * pad - kernel) // step + 1 for size, kernel, step, pad in sizes)
