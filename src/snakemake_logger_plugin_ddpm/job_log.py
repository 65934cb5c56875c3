"""What the log of a job says: how far it is, its result, and why it failed."""

from __future__ import annotations

import re
from pathlib import Path

# How `ddpm --log` begins a message; a traceback has further lines.
_TIME = re.compile(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3} ")
_PROGRESS = re.compile(r"([\d,]+)/([\d,]+) [\w-]+, \S+ [\w-]+/s, ")
_TAIL = 10


def _lines(path: str) -> list[str]:
    try:
        text = Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return []
    return [_TIME.sub("", line) for line in text.splitlines()]


def _without_title(line: str, rule: str) -> str:
    """The line without the job's title, which stands before its first colon."""
    title, colon, rest = line.partition(": ")
    return rest if colon and title.split(" ")[0] == rule else line


def newest(logs: list[str], rule: str) -> str:
    """The last message of a job that runs: how far it is, or whom it waits for; "" if there is none."""
    last = [lines[-1] for log in logs if (lines := _lines(log))]
    return _without_title(last[-1], rule) if last else ""


def share(logs: list[str], rule: str) -> str:
    """How much of a job that runs is done, for example "87 %"; "" where its log does not tell."""
    if (found := _PROGRESS.search(newest(logs, rule))) is None:
        return ""
    done, total = (int(number.replace(",", "")) for number in found.groups())
    return f"{100 * done // max(1, total)} %"


def result(logs: list[str], rule: str) -> str:
    """The last message of a job that ended; "" if that names a file alone, or is one of progress."""
    last = [lines[-1] for log in logs if (lines := _lines(log))]
    if not last or last[-1].startswith("wrote ") or _PROGRESS.search(last[-1]):
        return ""
    return _without_title(last[-1], rule)


def tail(log: str) -> list[str]:
    """The last lines of the log of a job that failed, or that there are none."""
    lines = _lines(log)
    if not lines:
        return ["(the log is empty: the job was killed, or could not start)"]
    if _PROGRESS.search(lines[-1]):
        lines.append("(no more: the job was killed, for want of memory perhaps)")
    return [f"... {len(lines) - _TAIL} lines before", *lines[-_TAIL:]] if len(lines) > _TAIL else lines
