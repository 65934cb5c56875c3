"""The last line of a terminal, which says how far a run is; what is written next takes its place."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from typing import TextIO

# The start of the line, and what removes the rest of it.
_RESET, _ERASE = "\r", "\033[K"
_NARROWEST = 40


class StatusLine:
    """The last line of a screen.

    Args:
        stream: the screen; unless it is a terminal that can erase a line, nothing is shown.
    """

    def __init__(self, stream: TextIO) -> None:
        self.stream, self._shown = stream, False
        self.is_used = stream.isatty() and os.environ.get("TERM") != "dumb"

    def show(self, text: str) -> None:
        """Shows a text that fits the line; "" removes it."""
        if self.is_used and (text or self._shown):
            # The cursor goes back: what a job writes itself then covers the line, and does not follow it.
            self.stream.write(f"{_RESET}{_ERASE}{text}{_RESET if text else ''}")
            self.stream.flush()
            self._shown = bool(text)


def fitted(start: str, jobs: Sequence[str], columns: int | None = None) -> str:
    """One line of its start and as many jobs as it has room for.

    Args:
        start: for example "12/78, 4 min left  2 running:".
        jobs: in words.
        columns: of the terminal; by default, of this one.
    """
    # The last column makes some terminals begin a line of their own.
    width = max(_NARROWEST, shutil.get_terminal_size().columns if columns is None else columns) - 1
    line = start
    for number, job in enumerate(jobs):
        more = f" and {len(jobs) - number - 1} more" if number + 1 < len(jobs) else ""
        longer = f"{line}{',' if number else ''} {job}"
        if len(longer) + len(more) > width:
            cut = f"{longer[: width - len(more) - 3]}...{more}"
            return f"{line} and {len(jobs) - number} more" if number else cut
        line = longer
    return line
