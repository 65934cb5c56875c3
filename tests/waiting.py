"""Waiting for what other processes do. Tests wait for a state, never for some time."""

import subprocess
import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
# Seconds after which a test fails instead of waiting for ever, on the slowest and busiest of machines.
PATIENCE = 600.0


def wait_for(condition: Callable[[], T], *processes: subprocess.Popen) -> T:
    """Waits until a condition holds and returns its value; fails as soon as one of the processes ends."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        for process in processes:
            assert process.poll() is None, f"{process.args} ended with status {process.returncode}"
        assert time.monotonic() < end, f"waited for {PATIENCE:.0f} s"
        time.sleep(0.01)
    return value
