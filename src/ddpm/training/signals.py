"""Stopping on request: signals of schedulers and terminals let an update finish, then save and leave.

SIGTERM, SIGUSR1, Ctrl-C, and SIGHUP: what a terminal sends whose connection is lost. Under `nohup`, which
has it ignored, training goes on.
"""

from __future__ import annotations

import signal
from types import FrameType, TracebackType
from typing import Any

SIGNALS = (signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP)
WARNINGS = frozenset({signal.SIGTERM, signal.SIGUSR1})
"""What a scheduler sends before it ends a job."""


class Stopped(SystemExit):
    """Training saved its state and left because of a signal; the exit status is 128 + its number.

    As a shell reports a process that died of it.

    Args:
        status: the exit status.
        note: what became of the job besides, for the run's history.
    """

    def __init__(self, status: int, note: str = "") -> None:
        super().__init__(status)
        self.reason = signal.Signals(status - 128).name + note


class StopRequest:
    """While entered, records the first of SIGNALS instead of dying of it; an ignored SIGHUP stays so."""

    def __init__(self) -> None:
        self.signal: int | None = None
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        nohup = signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
        handled = [number for number in SIGNALS if number != signal.SIGHUP or not nohup]
        self._previous = {number: signal.signal(number, self._record) for number in handled}
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
