"""Peak memory of a side's step, in a process of its own.

    python -m timing.peak_memory ADAPTER STEP NETWORK BATCH DEVICE      prints bytes

Of what lies beyond the imports: resident memory on a processor, allocated memory on a GPU.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from pathlib import Path

import torch
from timing.adapters import ADAPTERS
from timing.networks import NETWORKS

_CALLS = 2


def peak_memory(adapter: str, step: str, network: str, batch: int, device: str) -> int:
    """Bytes at the peak of a few steps, measured in a new process with as many threads as this one.

    Raises:
        RuntimeError: the process failed; the message holds the end of what it printed.
    """
    folder = Path(__file__).parents[1]
    paths = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    sources = [str(Path(sys.modules["ddpm"].__file__ or "").parents[1])]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(paths + sources),
        "OMP_NUM_THREADS": str(torch.get_num_threads()),
    }
    words = [sys.executable, "-m", "timing.peak_memory", adapter, step, network, str(batch), device]
    run = subprocess.run(words, capture_output=True, text=True, env=environment)
    if run.returncode:
        raise RuntimeError(f"peak memory of {adapter}, {step}: {run.stderr[-2000:]}")
    return int(run.stdout.split()[-1])


def measured(adapter: str, step: str, network: str, batch: int, device: str) -> int:
    """Bytes at the peak of a few steps made in this process, which must not have computed before."""
    ADAPTERS[adapter].load()
    # Its first backward pass starts threads and libraries.
    (torch.zeros(1, device=device, requires_grad=True) * 1).sum().backward()
    baseline = resident() if device == "cpu" else 0
    prepared = ADAPTERS[adapter].ready(step, NETWORKS[network], batch, device)
    for _ in range(_CALLS):
        prepared.call()
    if device == "cuda":
        return torch.cuda.max_memory_allocated()
    return largest_resident() - baseline


def resident() -> int:
    """Bytes now; where /proc is missing, at the peak so far."""
    return _status("VmRSS") or largest_resident()


def largest_resident() -> int:
    """Bytes at the peak so far."""
    # Linux's ru_maxrss does not fall at exec below what the parent held; VmHWM does. macOS counts in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    return _status("VmHWM") or resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _status(key: str) -> int | None:
    """A line of /proc/self/status in bytes; None where there is none."""
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None
    return next((1024 * int(line.split()[1]) for line in lines if line.startswith(f"{key}:")), None)


if __name__ == "__main__":
    name, kind, size, images, where = sys.argv[1:]
    print(measured(name, kind, size, int(images), where))
