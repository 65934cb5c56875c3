"""Trainers that pause where a test asks for it.

Python imports this module at the start of every process that finds it in PYTHONPATH. A trainer then stops
itself (SIGSTOP) where a file beside its run's folder asks for it, and takes that file away: with
`pause-at-save` as it is about to replace its latest saved state by a newer one, with `pause-at-end` when all
that is left to do is to give back the lock and to leave. See pausing.py.
"""

import os
import signal
import sys
from pathlib import Path


def request(event: str, arguments: tuple) -> Path | None:
    """The file that would ask a trainer to pause here, if it is a trainer's and this is one of the places."""
    if event == "os.rename" and str(arguments[1]).endswith("/state/previous.safetensors"):
        run = Path(arguments[1]).parents[1]
        return run.with_name(f".{run.name}.pause-at-save")
    if event == "os.remove" and str(arguments[0]).endswith(".training.lock"):
        return Path(str(arguments[0]).replace(".training.lock", ".pause-at-end"))
    return None


def pause(event: str, arguments: tuple) -> None:
    """Called by Python before it does what the event says."""
    asked = request(event, arguments)
    if asked is not None and asked.exists():
        asked.unlink()
        os.kill(os.getpid(), signal.SIGSTOP)


sys.addaudithook(pause)
