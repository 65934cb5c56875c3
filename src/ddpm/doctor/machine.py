"""Cores and memory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ddpm.doctor.finding import Finding, ok, unused, warning
from ddpm.plan.units import size

# What a job of the demo takes at most; one runs on each core.
JOB_BYTES = 1.2e9
_GROUP_LIMITS = ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes")


def machine(cores: int | None = None, memory: float | None = None) -> Iterator[Finding]:
    """How many jobs can run at a time.

    Args:
        cores: that this process may use; by default as the system says.
        memory: that is available, in bytes; by default as the system says.
    """
    cores = usable_cores() if cores is None else cores
    memory = available_memory() if memory is None else memory
    if memory is None:
        yield unused("machine", f"{cores} cores; this system does not tell how much memory is available")
        return
    text = f"{cores} cores, {size(memory)} of memory available"
    if memory < JOB_BYTES:
        yield warning("machine", text, f"end other work: a job of the demo takes up to {size(JOB_BYTES)}")
    elif memory < cores * JOB_BYTES:
        jobs = int(memory / JOB_BYTES)
        yield warning("machine", text, f"fewer jobs at a time than cores: snakemake --cores {jobs}")
    else:
        yield ok("machine", text)


def usable_cores() -> int:
    """Processors that this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory() -> float | None:
    """Bytes: what Linux calls available, or what a container may have if that is less; None elsewhere."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return None
    found = [float(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    for path in map(Path, _GROUP_LIMITS):
        if path.exists() and (limit := path.read_text().strip()).isdigit():
            found.append(float(limit))
    return min(found, default=None)
