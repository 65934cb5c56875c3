"""One start of Snakemake in a process group of its own, and the jobs that run in it."""

from __future__ import annotations

import contextlib
import os
import resource
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil
from killing.study import TARGET

_WAIT = 600.0
_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


class Workflow:
    """A running workflow.

    Args:
        source: the folder of the Snakefile and of src.
        folder: the working folder.
        temporary: the folder for temporary files (TMPDIR).
        largest_file: writes beyond this size fail, in bytes; None for no limit.
    """

    def __init__(self, source: Path, folder: Path, temporary: Path, largest_file: int | None = None) -> None:
        self.output = temporary.parent / f"{folder.name}.log"
        command = [sys.executable, "-m", "snakemake", "-s", str(source / "Snakefile"), "-d", str(folder)]
        environment = {"PYTHONPATH": str(source / "src"), "TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
        self.started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, TARGET, "--cores", "2"],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=source,
                env=os.environ | environment,
                preexec_fn=None if largest_file is None else lambda: _limit_files(largest_file),
                start_new_session=True,
            )

    @property
    def status(self) -> int | None:
        """Snakemake's exit status, or None while it runs."""
        return self.process.poll()

    @property
    def age(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self.started

    def jobs(self) -> dict[int, str]:
        """The rule of each running job by its process id."""
        found = {}
        for process in living(self.process.pid):
            with contextlib.suppress(psutil.Error):
                words = process.cmdline()
                if len(words) > 2 and Path(words[1]).name == "ddpm":
                    found[process.pid] = words[2]
        return found

    def signal(self, number: int) -> None:
        """Sends a signal to Snakemake and all its jobs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """Stops Snakemake and all its jobs (SIGSTOP); returns when none of them runs.

        Raises:
            TimeoutError: some still run.
        """
        self.signal(signal.SIGSTOP)
        end = time.monotonic() + _WAIT
        while any(status != psutil.STATUS_STOPPED for status in living(self.process.pid).values()):
            if time.monotonic() > end:
                raise TimeoutError(f"the workflow was not stopped within {_WAIT:.0f} s")
            time.sleep(0.005)

    def kill(self) -> None:
        """SIGKILL to Snakemake and all its jobs; returns when all are gone."""
        self.signal(signal.SIGKILL)
        if self.wait() is None:
            raise TimeoutError(f"killed processes were still there {_WAIT:.0f} s later")

    def wait(self, seconds: float = _WAIT) -> int | None:
        """The exit status, once Snakemake and its whole group are gone; None if some live so much later."""
        end = time.monotonic() + seconds
        while self.process.poll() is None or living(self.process.pid):
            if time.monotonic() > end:
                return None
            time.sleep(0.02)
        return self.process.returncode

    def messages(self) -> str:
        """The end of what Snakemake printed."""
        return self.output.read_text(errors="replace")[-3000:]


def living(group: int) -> dict[psutil.Process, str]:
    """The processes of a group and their status; dead ones that nobody has waited for are none."""
    found = {}
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.Error):
            if os.getpgid(process.pid) == group and (status := process.status()) not in _DEAD:
                found[process] = status
    return found


def _limit_files(largest: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
