"""How long a call on a batch takes, within a budget of time."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Callable, Iterator

import torch

MOST_REPEATS = 10
# On a processor, batches whose call would take longer than this are measured smaller and scaled.
LONGEST_CALL_SECONDS = 10.0
PROBE_BATCH = 2


@dataclasses.dataclass(frozen=True)
class Timing:
    """Median seconds of a call on `batch` images, over `repeats` calls."""

    seconds: float
    batch: int
    repeats: int

    def text(self, full: int) -> str:
        """The timing in words; `full` is the batch size that the study has."""
        scaled = f", scaled linearly to {full}" if self.batch != full else ""
        plural = "s" if self.repeats > 1 else ""
        return f"{self.repeats} call{plural} on {self.batch} images{scaled}"


def timed(
    steps: Callable[[int], Iterator[None]], full: int, multiple: int, device: str, budget: float
) -> Timing:
    """Median time of a call after one for warm-up, on a smaller batch where the full one takes too long.

    Args:
        steps: gives an endless iterator of calls on a batch of some size.
        full: the batch size that is wanted.
        multiple: the batch must be a multiple of it, which divides `full`.
        device: "cpu" or "cuda".
        budget: seconds for all calls; two of the smallest size are made in any case.
    """
    started = time.monotonic()
    batch = full
    if device == "cpu":
        batch = max(multiple, min(PROBE_BATCH, full))
        calls = steps(batch)
        next(calls)
        probe = _call_seconds(calls, device)
        left = budget - (time.monotonic() - started)
        # As large as lets the warm-up and three calls fit into what is left.
        fitting = int(min(left / 4, LONGEST_CALL_SECONDS) / probe * batch)
        if fitting <= batch:
            return Timing(probe, batch, 1)
        batch = min(full, fitting // multiple * multiple)
    calls = steps(batch)
    next(calls)
    times = [_call_seconds(calls, device)]
    while len(times) < MOST_REPEATS and time.monotonic() - started < budget:
        times.append(_call_seconds(calls, device))
    return Timing(statistics.median(times), batch, len(times))


def _call_seconds(calls: Iterator[None], device: str) -> float:
    _wait(device)
    started = time.perf_counter()
    next(calls)
    _wait(device)
    return time.perf_counter() - started


def _wait(device: str) -> None:
    if device == "cuda":
        torch.cuda.synchronize()
