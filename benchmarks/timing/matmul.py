"""The machine's rate of multiplying square matrices."""

from __future__ import annotations

import functools

import torch
from timing.clock import timed

SIZES = {"cpu": (1024, 2048), "cuda": (4096, 8192)}
_REPEATS = {"cpu": 1, "cuda": 20}


def matmul_peak(precision: str, device: str, sizes: tuple[int, ...] | None = None) -> float:
    """The largest rate seen, FLOP/s.

    Args:
        precision: "float32", "tf32" or "bfloat16".
        device: "cpu" or "cuda".
        sizes: heights of the matrices; None for `SIZES`.
    """
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    rates = []
    for size in sizes or SIZES[device]:
        left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
        product = functools.partial(torch.mm, left, right)
        rates += [2 * size**3 / timed(product, _REPEATS[device], device)[0] for _ in range(4)]
    torch.backends.cuda.matmul.allow_tf32 = before
    return max(rates)
