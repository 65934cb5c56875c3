"""The device that a verb computes on, and what must be set before torch computes there."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import logging
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path

from ddpm.errors import DDPMError
from ddpm.records.locks import SignedLock

logger = logging.getLogger("ddpm")

DEVICES = ("auto", "cpu", "cuda")
# A default for --device, for verbs that the workflow calls.
DEVICE = "DDPM_DEVICE"
# What Slurm tells a job of the GPUs that it was given.
_GPUS_OF_JOB = ("SLURM_JOB_GPUS", "SLURM_STEP_GPUS", "SLURM_GPUS_ON_NODE")
# What torch says, in a RuntimeError like any other, where a processor's memory does not suffice.
_NO_MEMORY = re.compile(r"DefaultCPUAllocator|not enough memory|[Cc]annot allocate memory")
# Of glibc's malloc.h.
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


VISIBLE = "CUDA_VISIBLE_DEVICES"
# Who runs under these has been given its GPUs.
_GIVEN_BY = ("SLURM_JOB_ID", "RANK")
# Held until this process ends.
_claimed: list[SignedLock] = []


def add_device_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --device and --threads."""
    parser.add_argument(
        "--device",
        choices=DEVICES,
        default=os.environ.get(DEVICE, DEVICES[0]),
        help=f"auto (default; or what {DEVICE} names) takes a GPU where torch finds one",
    )
    parser.add_argument(
        "--threads",
        type=_positive,
        help="of the processor (default: torch's choice, the number of its cores)",
    )


def prepare_device(wanted: str, threads: int | None = None, gpu_count: int = 1) -> str:
    """Sets threads and memory for torch, and chooses the device. Call it before torch is imported.

    Args:
        wanted: one of DEVICES; "auto" takes a GPU where there is one.
        threads: of the processor; None leaves their number to torch.
        gpu_count: of GPUs that this process and its children take, where there are more.

    Returns:
        "cpu" or "cuda".

    Raises:
        DDPMError: no such device; or a GPU was asked for, here or of Slurm, and torch finds none.
    """
    if wanted not in DEVICES:
        raise DDPMError(f"{DEVICE}={wanted}: no such device; set it to {', '.join(DEVICES)}, or unset it")
    if threads is not None:
        os.environ["OMP_NUM_THREADS"] = str(threads)
    # Threads that wait for others should sleep: on busy cores, spinning slows everyone down.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    keep_freed_memory()
    if wanted != "cpu":
        claim_gpus(gpu_count)
    import torch

    if threads is not None:
        torch.set_num_threads(threads)
    return _choose(wanted, torch.cuda.is_available())


def _choose(wanted: str, gpu: bool) -> str:
    if wanted == "cpu" or gpu:
        return "cuda" if wanted == "auto" else wanted
    if wanted == "cuda":
        raise DDPMError(
            "--device cuda: torch finds no GPU here; use --device cpu, or install a CUDA build of torch"
        )
    if given := _gpus_of_job():
        raise DDPMError(
            f"Slurm gave this job a GPU ({given}), but torch finds none; install a CUDA build of torch, look "
            f"at `nvidia-smi` on this machine, or set {DEVICE}=cpu to compute on the processor"
        )
    return "cpu"


def _gpus_of_job() -> str:
    """NAME=VALUE by which Slurm tells of a GPU, or "" if it tells of none."""
    told = {name: os.environ.get(name, "") for name in _GPUS_OF_JOB}
    return next((f"{name}={value}" for name, value in told.items() if value not in ("", "0")), "")


def keep_freed_memory() -> None:
    """Lets glibc reuse freed tensors instead of handing their pages back and faulting them in again."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            mallopt = ctypes.CDLL(None).mallopt
            mallopt(_M_MMAP_THRESHOLD, 2**30)
            mallopt(_M_TRIM_THRESHOLD, 2**30)


def exceeded_memory(error: Exception) -> str:
    """What to do if the memory of a GPU, or of the machine, did not suffice; "" for any other error."""
    told = str(error).strip().partition("\n")[0].partition(". ")[0]
    # Only a verb that has imported torch can raise torch's error.
    if "torch" in sys.modules and isinstance(error, sys.modules["torch"].OutOfMemoryError):
        return (
            f"the GPU's memory is exceeded ({told}); end other work on this GPU, set "
            "`precision: bfloat16`, a smaller batch_size, in training `gradient_accumulation` or "
            "`activation_checkpointing` (docs/speed.md), or train on several GPUs (docs/several-gpus.md)"
        )
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and _NO_MEMORY.search(str(error))):
        return (
            f"the machine's memory is exceeded ({told or type(error).__name__}); run fewer jobs at a time "
            "(`snakemake --cores 1`), end other work here, or set a smaller batch_size: training.batch_size, "
            "sampling.batch_size, likelihood.batch_size or quality.batch_size of the study"
        )
    return ""


def _positive(word: str) -> int:
    number = int(word)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


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
