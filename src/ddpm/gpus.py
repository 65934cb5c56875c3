"""The GPUs of this machine, and which of them a job takes where several jobs run side by side."""

from __future__ import annotations

import logging
import os
import subprocess
import tempfile
from pathlib import Path

from ddpm.errors import DDPMError
from ddpm.locks import SignedLock

logger = logging.getLogger("ddpm")

VISIBLE = "CUDA_VISIBLE_DEVICES"
# Who runs under these has been given its GPUs.
_GIVEN_BY = ("SLURM_JOB_ID", "RANK")
# Held until this process ends.
_claimed: list[SignedLock] = []


def gpus() -> list[str]:
    """Names of the GPUs that jobs may use: those of CUDA_VISIBLE_DEVICES, or numbers of all that there are.

    Does not load torch: Snakemake's profile asks at each start.
    """
    if (visible := os.environ.get(VISIBLE)) is not None:
        return [name for name in visible.split(",") if name.strip()]
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, check=True, timeout=30)
    except (OSError, subprocess.SubprocessError):
        return []
    return [str(number) for number, _ in enumerate(filter(_is_gpu, listed.stdout.splitlines()))]


def _is_gpu(line: str) -> bool:
    return line.startswith("GPU ")


def claim_gpus(count: int) -> None:
    """Leaves to this process and its children as many GPUs as it needs, none that another job has claimed.

    Where there are no more than that, where Slurm or torchrun has given them out, or where the others have
    claimed too many, nothing is done. Must be called before torch looks for GPUs.

    Args:
        count: of GPUs.
    """
    found = gpus()
    if len(found) <= count or any(name in os.environ for name in _GIVEN_BY):
        return
    taken: list[tuple[str, SignedLock]] = []
    for name in found:
        lock = SignedLock(_folder() / f"{name}.lock")
        try:
            if len(taken) < count and lock.take():
                taken.append((name, lock))
        except DDPMError as error:
            logger.warning(f"GPUs are not claimed: {error}")
            break
    if len(taken) < count:
        for _, lock in taken:
            lock.release()
        logger.warning(f"fewer than {count} of the GPUs {', '.join(found)} are free; sharing them")
        return
    _claimed.extend(lock for _, lock in taken)
    os.environ[VISIBLE] = ",".join(name for name, _ in taken)


def _folder() -> Path:
    return Path(tempfile.gettempdir()) / f"ddpm-gpus-{os.getuid()}"
