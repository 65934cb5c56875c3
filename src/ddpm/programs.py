"""Other programs (squeue, dvc, ...), asked for what they know: none makes its caller wait long, or fail."""

from __future__ import annotations

import shutil
import subprocess
from dataclasses import dataclass


@dataclass(frozen=True)
class Answer:
    """What a program said.

    Attributes:
        good: whether it ended well.
        text: what it printed; where it did not end well, why.
    """

    good: bool
    text: str


def ask(*words: str, seconds: float = 5.0) -> Answer | None:
    """The answer of a program on PATH; None if there is none of that name.

    Args:
        words: its name and arguments.
        seconds: after which it is stopped.
    """
    if shutil.which(words[0]) is None:
        return None
    try:
        run = subprocess.run(
            words, capture_output=True, text=True, errors="replace", timeout=seconds, stdin=subprocess.DEVNULL
        )
    except subprocess.TimeoutExpired:
        return Answer(False, f"no answer within {seconds:.0f} s")
    except OSError as error:
        return Answer(False, str(error))
    if run.returncode:
        said = (run.stderr.strip() or run.stdout.strip()).splitlines()
        return Answer(False, said[-1] if said else f"it ended with status {run.returncode}")
    return Answer(True, run.stdout.strip())
