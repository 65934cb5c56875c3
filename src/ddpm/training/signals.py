"""Stopping on request: SIGTERM, SIGUSR1 and Ctrl-C let the current update finish, then save and leave."""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT)


class Stopped(SystemExit):
    """Training saved its state and left because of a signal; the exit status is 128 + its number.

    As a shell reports a process that died of it.
    """


class StopRequest:
    """While entered, records the first of SIGNALS instead of dying of it."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        self._previous = {number: signal.signal(number, self._record) for number in SIGNALS}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _record(self, number: int, frame: FrameType | None) -> None:
        self.signal = self.signal or number

    def __bool__(self) -> bool:
        return self.signal is not None
