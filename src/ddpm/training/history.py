"""The history of a training run: a line when an attempt begins and one when it ends, over all its attempts.

Snakemake removes the log of a job before each attempt. It does not know this file.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from ddpm.slurm.requeue import own_job
from ddpm.training.signals import Stopped

logger = logging.getLogger("ddpm")


class History:
    """Appends to a run's history; no failure to write stops the training.

    Args:
        path: the file; made with its folder.
        machine: the processor or GPU, in words.
    """

    def __init__(self, path: str | Path, machine: str) -> None:
        self._path = Path(path)
        job = f", Slurm job {own_job()}" if own_job() else ""
        self._place = f"on {socket.gethostname()}{job}, {machine}"

    @contextlib.contextmanager
    def attempt(self, steps: int, updates: Callable[[], int], status: Callable[[], str]) -> Iterator[None]:
        """Writes where an attempt begins and ends; a killed one has no end.

        Args:
            steps: of the whole run.
            updates: how many are done.
            status: how the run ended, where nothing stopped it.
        """
        self._add(f"from step {updates():,} of {steps:,} {self._place}")
        try:
            yield
        except BaseException as error:
            first = str(error).partition("\n")[0]
            reason = error.reason if isinstance(error, Stopped) else f"{type(error).__name__}: {first}"
            self._add(f"to step {updates():,}: {reason}")
            raise
        self._add(f"to step {updates():,}: {status()}")

    def _add(self, text: str) -> None:
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with self._path.open("a", encoding="utf-8") as file:
                file.write(f"{time.strftime('%Y-%m-%d %H:%M:%S')}  {text}\n")
        except OSError as error:
            logger.warning(f"warning: {self._path}: cannot be written ({error})")
