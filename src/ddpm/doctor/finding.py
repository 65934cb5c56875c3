"""What a check found: a state, a line, and a remedy where something is not as it should be."""

from __future__ import annotations

import enum
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from ddpm.errors import DDPMError


class State(enum.StrEnum):
    """How serious a finding is; FAILED alone makes `ddpm doctor` fail."""

    OK = "ok"
    UNUSED = "not needed"
    WARNING = "warning"
    FAILED = "failed"


@dataclass(frozen=True)
class Finding:
    """One line of `ddpm doctor`.

    Attributes:
        subject: what was looked at, a word or two.
        state: how serious it is.
        text: what was found.
        remedy: what to do; "" where nothing is to be done.
    """

    subject: str
    state: State
    text: str
    remedy: str = ""


def ok(subject: str, text: str) -> Finding:
    """All is well."""
    return Finding(subject, State.OK, text)


def unused(subject: str, text: str) -> Finding:
    """It is not there, or does not work, and nothing that was asked about needs it."""
    return Finding(subject, State.UNUSED, text)


def warning(subject: str, text: str, remedy: str) -> Finding:
    """The work can be done, but not as well as it could, or not all of it."""
    return Finding(subject, State.WARNING, text, remedy)


def failed(subject: str, text: str, remedy: str) -> Finding:
    """The work cannot be done."""
    return Finding(subject, State.FAILED, text, remedy)


def problem(serious: bool, subject: str, text: str, remedy: str) -> Finding:
    """A failed finding where it is serious, else a warning."""
    return (failed if serious else warning)(subject, text, remedy)


def guarded(subject: str, check: Callable[[], Iterable[Finding]]) -> Iterator[Finding]:
    """The findings of a check; what it raises becomes a failed one."""
    try:
        yield from check()
    except DDPMError as error:
        yield failed(subject, str(error), "mend that and run `ddpm doctor` again")
    except Exception as error:
        text = f"this check could not be made: {type(error).__name__}: {error}"
        yield failed(subject, text, "please report it, with what `pip list` prints")
