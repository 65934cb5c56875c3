"""Progress of long work: a bar on a terminal, and a line now and then in a log."""

from __future__ import annotations

import logging
import sys
import time
from types import TracebackType
from typing import Any

from tqdm import tqdm

logger = logging.getLogger("ddpm")
SECONDS_BETWEEN_LINES = 10.0
# The bar gives way to the loss on a narrow terminal, not the loss to the bar.
_BAR = "{desc}: {n_fmt}/{total_fmt} {bar} {remaining} left{postfix}"


class Screen(logging.Handler):
    """Writes messages to standard error, above the bars that are drawn there.

    Args:
        quiet: write warnings and errors alone, and draw no bars.
    """

    def __init__(self, quiet: bool = False) -> None:
        super().__init__(logging.WARNING if quiet else logging.INFO)
        self.bars = sys.stderr.isatty() and not quiet

    def emit(self, record: logging.LogRecord) -> None:
        """Writes a message; a line of progress only where no bar shows the same."""
        if self.bars and getattr(record, "is_progress", False):
            return
        try:
            tqdm.write(self.format(record), file=sys.stderr)
            sys.stderr.flush()
        except Exception:
            self.handleError(record)


def _draws_bars() -> bool:
    screens = [handler for handler in logger.handlers if isinstance(handler, Screen)]
    return screens[0].bars if screens else sys.stderr.isatty()


class Progress:
    """Counts work done and shows its share, rate, and time left.

    Args:
        title: what is under way, for example "train epsilon_L_simple seed 0".
        total: amount of work in all.
        unit: name of one piece of work, plural.
        done: work that an earlier run has done; it does not count towards the rate.
    """

    def __init__(self, title: str, total: int, unit: str, done: int = 0) -> None:
        self.title, self.total, self.unit, self.done = title, total, unit, done
        self._first = done
        self._started = self._last_line = time.monotonic()
        bar: dict[str, Any] = {"desc": title, "bar_format": _BAR, "dynamic_ncols": True, "leave": False}
        self._bar = tqdm(total=total, initial=done, **bar) if _draws_bars() else None

    def __enter__(self) -> Progress:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            self._bar.close()
        if kind is None:
            # The last line stays on the screen where the bar was.
            logger.info(self.line())

    def advance(self, amount: int = 1, note: str = "") -> None:
        """Counts work done; `note` (the loss, say) stands at the end of the line."""
        self.done += amount
        if self._bar is not None:
            self._bar.set_postfix_str(note, refresh=False)
            self._bar.update(amount)
        if time.monotonic() - self._last_line >= SECONDS_BETWEEN_LINES and self.done < self.total:
            self._last_line = time.monotonic()
            logger.info(self.line(note), extra={"is_progress": True})

    def line(self, note: str = "") -> str:
        """One line: title, done / total, rate, and time left or time taken."""
        elapsed = max(time.monotonic() - self._started, 1e-9)
        rate = (self.done - self._first) / elapsed
        if self.done >= self.total:
            end = f"done in {_clock(elapsed)}"
        else:
            end = f"{_clock((self.total - self.done) / rate)} left" if rate else "time left unknown"
        parts = [f"{self.title}: {self.done:,}/{self.total:,} {self.unit}", f"{rate:.3g} {self.unit}/s", end]
        return ", ".join([*parts, note] if note else parts)


def _clock(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours} h {minutes:02} min"
    return f"{minutes} min {seconds:02} s" if minutes else f"{seconds} s"
