"""A Slurm of one machine for tests: munged, slurmctld and slurmd on 127.0.0.1, all files in one folder.

Run as a program with the folder as its argument. It prints one line of JSON once the Slurm takes jobs, and
takes everything down when its standard input ends, which it also does when the process that started it is
killed. All that the daemons start stays below it, as it adopts orphans (slurmstepd detaches itself),
so nothing is left; should this process itself be killed, the kernel ends the daemons.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import secrets
import select
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

from slurm_settings import LINKED, SYSTEM_FOLDER, free_ports, write_settings

PR_SET_PDEATHSIG, PR_SET_CHILD_SUBREAPER = 1, 36
PATIENCE = 120.0
libc = ctypes.CDLL(None, use_errno=True)


class FailedStartError(Exception):
    """The Slurm did not come up."""


def main(folder: Path) -> int:
    """Runs the daemons until standard input ends; 0 if they came up."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    try:
        bring_up(folder)
        print(json.dumps({"up": True}), flush=True)
        while not select.select([sys.stdin], [], [], 1.0)[0]:
            reap()
    except FailedStartError as error:
        print(json.dumps({"up": False, "reason": str(error)}), flush=True)
        return 1
    finally:
        take_down(folder)
    return 0


def bring_up(folder: Path) -> None:
    """Starts the daemons and waits until the machine takes jobs."""
    for name in ("munge", "log", "state", "spool"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    munge = folder / "munge"
    key = munge / "munge.key"
    key.touch(mode=0o600)
    key.write_bytes(secrets.token_bytes(64))
    write_settings(folder, *free_ports(2))
    for name in LINKED:
        (SYSTEM_FOLDER / name).symlink_to(folder / name)
    words = {
        "key-file": key,
        "socket": munge / "socket",
        "pid-file": munge / "pid",
        "seed-file": munge / "seed",
    }
    start(
        folder,
        ["munged", "--foreground", "--force", *(f"--{word}={path}" for word, path in words.items())],
    )
    wait_for(lambda: (munge / "socket").exists(), folder, "munged")
    start(folder, ["slurmctld", "-D", "-i"])
    start(folder, ["slurmd", "-D"])
    wait_for(lambda: output(["sinfo", "-h", "-o", "%t"]).strip() == "idle", folder, "slurmctld and slurmd")


def start(folder: Path, command: Sequence[str]) -> None:
    """A daemon in the foreground that dies with this process."""
    with open(folder / "log" / f"{command[0]}.out", "wb") as log:
        subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            preexec_fn=die_with_parent,
        )


def die_with_parent() -> None:
    """For `preexec_fn`: lets the kernel kill the new process when the thread that started it ends."""
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


def wait_for(condition, folder: Path, what: str) -> None:
    end = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > end:
            logs = "\n".join(path.read_text(errors="replace")[-1500:] for path in folder.glob("log/*.out"))
            raise FailedStartError(f"{what} did not come up within {PATIENCE:.0f} s:\n{logs}")
        time.sleep(0.05)


def output(command: Sequence[str]) -> str:
    """What a command prints; empty if it fails or hangs."""
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=60).stdout
    except (OSError, subprocess.TimeoutExpired):
        return ""


def take_down(folder: Path) -> None:
    """Ends all jobs and daemons, and removes the links to the settings and the folder."""
    output(["scancel", "--signal=KILL", "--full", f"--user={os.getuid()}"])
    for number in (signal.SIGTERM, signal.SIGKILL):
        end = time.monotonic() + (5 if number == signal.SIGTERM else PATIENCE)
        while (pids := descendants()) and time.monotonic() < end:
            for pid in pids:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, number)
            reap()
            time.sleep(0.1)
    for name in LINKED:
        link = SYSTEM_FOLDER / name
        if link.is_symlink() and link.readlink() == folder / name:
            link.unlink()
    shutil.rmtree(folder, ignore_errors=True)


def descendants() -> list[int]:
    """All living processes below this one."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            fields = status.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                parents[int(status.parent.name)] = int(fields[1])
    found, new = [], [os.getpid()]
    while new:
        new = [pid for pid, parent in parents.items() if parent in new]
        found += new
    return found


def reap() -> None:
    """Collects the processes that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
