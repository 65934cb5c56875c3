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
from killing.study import ROOT, TARGET

_WAIT = 600.0
_DEAD = (psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD)


class Workflow:
    """A running workflow.

    Args:
        folder: the working folder.
        cores: jobs that run at once.
        temporary: the folder for temporary files (TMPDIR).
        largest_file: writes beyond this size fail, in bytes; None for no limit.
    """

    def __init__(self, folder: Path, cores: int, temporary: Path, largest_file: int | None = None) -> None:
        self.largest_file = largest_file
        self.output = temporary.parent / f"{folder.name}.log"
        command = [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(folder)]
        environment = os.environ | {"TMPDIR": str(temporary), "OMP_NUM_THREADS": "1"}
        limit = None if largest_file is None else lambda: _limit_files(largest_file)
        self.started = time.monotonic()
        with self.output.open("wb") as output:
            self.process = subprocess.Popen(
                [*command, TARGET, "--cores", str(cores)],
                stdout=output,
                stderr=subprocess.STDOUT,
                cwd=ROOT,
                env=environment,
                preexec_fn=limit,
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
        try:
            children = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return {}
        for child in children:
            try:
                words = child.cmdline()
            except (psutil.NoSuchProcess, psutil.ZombieProcess):
                continue
            if len(words) > 2 and Path(words[1]).name == "ddpm":
                found[child.pid] = words[2]
        return found

    def signal_group(self, number: int) -> None:
        """Sends a signal to Snakemake and all its jobs."""
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, number)

    def stop(self) -> None:
        """Stops Snakemake and all its jobs (SIGSTOP); returns when none of them runs.

        Raises:
            TimeoutError: some still run.
        """
        self.signal_group(signal.SIGSTOP)
        end = time.monotonic() + _WAIT
        while any(status != psutil.STATUS_STOPPED for status in group_statuses(self.process.pid)):
            if time.monotonic() > end:
                raise TimeoutError(f"the workflow was not stopped within {_WAIT:.0f} s")
            time.sleep(0.005)

    @staticmethod
    def kill_job(job: int) -> None:
        """SIGKILL to one job."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(job, signal.SIGKILL)

    def kill(self) -> None:
        """SIGKILL to Snakemake and all its jobs; returns when all are gone."""
        self.signal_group(signal.SIGKILL)
        self.wait()

    def wait(self, seconds: float = _WAIT) -> int:
        """Waits until Snakemake and all processes of its group are gone; returns the exit status.

        Raises:
            TimeoutError: some still live.
        """
        end = time.monotonic() + seconds
        while self.process.poll() is None or group_lives(self.process.pid):
            if time.monotonic() > end:
                raise TimeoutError(f"the workflow still runs {seconds:.0f} s later")
            time.sleep(0.02)
        return self.process.returncode

    def messages(self, characters: int = 3000) -> str:
        """The end of what Snakemake printed."""
        return self.output.read_text(errors="replace")[-characters:]


def group_lives(group: int) -> bool:
    """Whether a process of the group still runs (a dead one that nobody waits for does not)."""
    return bool(group_statuses(group))


def group_statuses(group: int) -> list[str]:
    """The status, as psutil names it, of each process of a group that lives."""
    statuses = []
    for process in psutil.process_iter():
        with contextlib.suppress(ProcessLookupError, psutil.NoSuchProcess):
            if os.getpgid(process.pid) == group and (status := process.status()) not in _DEAD:
                statuses.append(status)
    return statuses


def _limit_files(largest: int) -> None:
    resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))
