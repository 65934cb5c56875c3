"""Times of several steps, taken in turn so that a busy machine is busy for all, and their ratios."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence

import torch


def interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int, device: str, shortest: float = 0.0
) -> dict[str, dict[str, list[float]]]:
    """Times of each call, made in turn in each round; each round begins with another one.

    Args:
        calls: by name; each was made at least once before.
        rounds: how often each is timed.
        device: "cpu" or "cuda".
        shortest: seconds; faster calls are repeated within a round until about that long, and their mean
            counts.

    Returns:
        by name: seconds in each round on the clock ("wall") and of all threads of this process ("cpu").
    """
    names = list(calls)
    repeats = {name: _repeats(calls[name], device, shortest) for name in names}
    times: dict[str, dict[str, list[float]]] = {name: {"wall": [], "cpu": []} for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            wall, cpu = timed(calls[name], repeats[name], device)
            times[name]["wall"].append(wall)
            times[name]["cpu"].append(cpu)
    return times


def timed(call: Callable[[], object], repeats: int, device: str) -> tuple[float, float]:
    """Mean wall and CPU seconds of a call that is made so many times."""
    synchronise = torch.cuda.synchronize if device == "cuda" else lambda: None
    synchronise()
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    synchronise()
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def ratios(values: Sequence[float], reference: Sequence[float]) -> list[float]:
    """value / reference, round by round.

    Raises:
        ValueError: they have not the same number of rounds.
    """
    return [value / other for value, other in zip(values, reference, strict=True)]


def matmul_peak(precision: str, device: str, tiny: bool = False) -> float:
    """The machine's largest rate of multiplying square matrices, FLOP/s.

    Args:
        precision: "float32", "tf32" or "bfloat16".
        device: "cpu" or "cuda".
        tiny: of small matrices, to try the harness: processors without bfloat16 take minutes for large ones.
    """
    dtype = torch.bfloat16 if precision == "bfloat16" else torch.float32
    before = torch.backends.cuda.matmul.allow_tf32
    torch.backends.cuda.matmul.allow_tf32 = precision == "tf32"
    size, repeats = {"cpu": (2048, 1), "cuda": (8192, 20)}[device]
    size //= 16 if tiny else 1
    left, right = (torch.randn(size, size, device=device).to(dtype) for _ in range(2))
    seconds = [timed(lambda: torch.mm(left, right), repeats, device)[0] for _ in range(4)]
    torch.backends.cuda.matmul.allow_tf32 = before
    return 2 * size**3 / min(seconds)


def _repeats(call: Callable[[], object], device: str, shortest: float) -> int:
    if shortest <= 0:
        return 1
    once = timed(call, 1, device)[0]
    return max(1, min(1000, round(shortest / max(once, 1e-6))))
