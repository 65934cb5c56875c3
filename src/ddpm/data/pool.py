"""Work on a sequence in threads: results in order, and only so many of them at once in memory."""

from __future__ import annotations

import collections
import os
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

# Items a thread that are under way or wait to be taken.
AHEAD = 8
_MOST_THREADS = 16


def in_order(function: Callable[[Item], Result], items: Iterable[Item]) -> Iterator[Result]:
    """`map(function, items)`, computed ahead in as many threads as this process may use cores.

    It pays for functions that release Python's lock, as Pillow's decoders and filters do. Items are taken
    from `items` in the caller's thread. What a call raises is raised in its place.
    """
    threads = min(_MOST_THREADS, cores())
    with ThreadPoolExecutor(threads, "decode") as pool:
        waiting: collections.deque[Future[Result]] = collections.deque()
        try:
            for item in items:
                waiting.append(pool.submit(function, item))
                if len(waiting) >= AHEAD * threads:
                    yield waiting.popleft().result()
            while waiting:
                yield waiting.popleft().result()
        finally:
            for future in waiting:
                future.cancel()


def cores() -> int:
    """Cores that this process may use: of a cluster's machine, those of the job."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:
        return os.cpu_count() or 1
