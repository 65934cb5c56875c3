"""Times of several steps, one after the other in each round, so that a busy machine is busy for all."""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Callable, Mapping

import torch


@dataclasses.dataclass(frozen=True)
class Times:
    """Seconds of one step in each round.

    Attributes:
        wall: on the clock.
        cpu: of all threads of this process together.
    """

    wall: list[float]
    cpu: list[float]


def interleaved(
    calls: Mapping[str, Callable[[], object]], rounds: int, device: str, shortest: float = 0.0
) -> dict[str, Times]:
    """Times of each call, made in turn in each round; each round begins with another one.

    Args:
        calls: by name; each was made at least once before.
        rounds: how often each is timed.
        device: "cpu" or "cuda".
        shortest: seconds; faster calls are repeated within a round until about that long, and their mean
            counts.
    """
    names = list(calls)
    repeats = {name: _repeats(calls[name], device, shortest) for name in names}
    times = {name: Times([], []) for name in names}
    for turn in range(rounds):
        first = turn % len(names)
        for name in names[first:] + names[:first]:
            wall, cpu = timed(calls[name], repeats[name], device)
            times[name].wall.append(wall)
            times[name].cpu.append(cpu)
    return times


def timed(call: Callable[[], object], repeats: int, device: str) -> tuple[float, float]:
    """Mean wall and CPU seconds of a call that is made so many times."""
    synchronise(device)
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(repeats):
        call()
    synchronise(device)
    return (time.perf_counter() - wall) / repeats, (time.process_time() - cpu) / repeats


def synchronise(device: str) -> None:
    """Waits for a GPU."""
    if device == "cuda":
        torch.cuda.synchronize()


def _repeats(call: Callable[[], object], device: str, shortest: float) -> int:
    if shortest <= 0:
        return 1
    once = timed(call, 1, device)[0]
    return max(1, min(1000, round(shortest / max(once, 1e-6))))
