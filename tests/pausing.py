"""Trainers in processes of their own that pause where a test asks for it (see hooks/sitecustomize.py)."""

import contextlib
import os
import re
import signal
import subprocess
from pathlib import Path

import psutil
from waiting import wait_for

HOOKS = Path(__file__).parent / "hooks"


def environment() -> dict[str, str]:
    """For processes that are trainers or start some: they pause where they are asked to."""
    paths = [*filter(None, [os.environ.get("PYTHONPATH")]), str(HOOKS)]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def ask_to_pause(run: Path, place: str) -> None:
    """Has the next trainer of a run pause.

    Args:
        run: the folder of the run.
        place: "save": it has saved a state and is about to save the next; "end": its results are in their
            places, and it still holds the lock.
    """
    run.parent.mkdir(parents=True, exist_ok=True)
    run.with_name(f".{run.name}.pause-at-{place}").touch()


def paused_trainer(run: Path, *processes: subprocess.Popen) -> int:
    """Waits until a run's trainer has paused, as long as the processes live; returns its process id."""
    return wait_for(lambda: _stopped_holder(training_lock(run)), *processes)


def training_lock(run: Path) -> Path:
    """The lock of a run's trainer."""
    return run.with_name(f".{run.name}.training.lock")


def go_on(trainer: int) -> None:
    """Lets a paused trainer go on."""
    os.kill(trainer, signal.SIGCONT)


def is_pending(process: int, number: signal.Signals) -> bool:
    """Whether a signal waits until a process goes on."""
    status = Path(f"/proc/{process}/status").read_text()
    masks = re.findall(r"(?m)^(?:Sig|Shd)Pnd:\s*([0-9a-f]+)", status)
    return any(int(mask, 16) >> (number - 1) & 1 for mask in masks)


def _stopped_holder(lock: Path) -> int | None:
    """The process that has signed a lock's file, if it is stopped."""
    try:
        signed = re.match(r"process (\d+) on ", lock.read_text())
    except FileNotFoundError:
        return None
    if signed is None:
        return None
    with contextlib.suppress(psutil.NoSuchProcess):  # killed, and the file left behind
        if psutil.Process(int(signed[1])).status() == psutil.STATUS_STOPPED:
            return int(signed[1])
    return None
