"""Times of this project's step at one size, in processes of their own.

    python -m timing.one_size STEP NETWORK SIZE BATCH PRECISION ROUNDS      prints JSON: times and peak bytes

Started by torchrun, its processes train together, and the first one prints.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import torch
from timing.clock import interleaved
from timing.networks import NETWORKS
from timing.ours import load, one_update, prepare, training_run
from timing.peak_memory import largest_resident, resident
from timing.setting import Prepared, Setting

from ddpm.training.joining import joined
from ddpm.training.processes import Processes


def in_processes(
    step: str, network: str, size: int, batch: int, precision: str, rounds: int, count: int, threads: int
) -> dict[str, Any]:
    """Measures in `count` new processes of `threads` threads each.

    Returns:
        wall and cpu: seconds of each round, of the first process; peak: its bytes beyond imports.

    Raises:
        RuntimeError: they failed; the message holds the end of what they printed.
    """
    words = [step, network, str(size), str(batch), precision, str(rounds)]
    launcher = [sys.executable]
    if count > 1:
        launcher += ["-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={count}"]
    sources = Path(sys.modules["ddpm"].__file__ or "").parents[1]
    paths = [str(Path(__file__).parents[1]), str(sources)]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(paths), "OMP_NUM_THREADS": str(threads)}
    run = subprocess.run(
        [*launcher, "-m", "timing.one_size", *words], capture_output=True, text=True, env=environment
    )
    if run.returncode:
        raise RuntimeError(f"{step}, {size} x {size}, batch {batch}: {run.stderr[-2000:]}")
    return json.loads(run.stdout.splitlines()[-1])


def measured(step: str, setting: Setting, rounds: int, processes: Processes) -> dict[str, Any]:
    """Times and peak memory in this process."""
    load()
    (torch.zeros(1, requires_grad=True) * 1).sum().backward()
    baseline = resident()
    if processes.count > 1:
        run = training_run(setting, processes=processes)
        prepared = Prepared(lambda: one_update(run), run.network)
    else:
        prepared = prepare(step, setting)
    prepared.call()
    times = interleaved({step: prepared.call}, rounds, "cpu")[step]
    return {"wall": times.wall, "cpu": times.cpu, "peak": largest_resident() - baseline}


def main() -> None:
    """Measures as the command line says."""
    step, network, size, batch, precision, rounds = sys.argv[1:]
    setting = Setting(NETWORKS[network].at_size(int(size)), int(batch), precision=precision)
    with joined("cpu") as processes:
        result = measured(step, setting, int(rounds), processes)
        if processes.first:
            print(json.dumps(result))


if __name__ == "__main__":
    main()
