"""Why jobs wait in Slurm, where it is not for their turn: such a job may wait for ever, with no word said."""

from __future__ import annotations

import os
import time

from ddpm.errors import SlurmError
from ddpm.slurm.queue import jobs_of

# A job with one of these reasons waits for its turn, or has hardly been looked at.
_ORDINARY = frozenset({"None", "Priority", "Resources", "BeginTime", "JobArrayTaskLimit", "Dependency"})
_BETWEEN = 60.0  # seconds between looks


class SlurmWaits:
    """Looks into the queue now and then; tells each reason of each job once."""

    def __init__(self) -> None:
        self._told: set[tuple[str, str]] = set()
        self._looked = -_BETWEEN

    def news(self) -> list[str]:
        """What has not been told yet, a line for each job; nothing if Slurm does not answer."""
        if time.monotonic() - self._looked < _BETWEEN:
            return []
        self._looked = time.monotonic()
        try:
            waiting = [job for job in jobs_of(os.getcwd()) if job.state == "PENDING"]
        except SlurmError:
            return []
        found = []
        for job in waiting:
            if job.reason not in _ORDINARY and (job.number, job.reason) not in self._told:
                self._told.add((job.number, job.reason))
                found.append(f"{job.title}: Slurm job {job.number} waits: {job.reason}")
        return found
