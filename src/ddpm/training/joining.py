"""Joining the other processes of a run that torchrun started: one process a GPU, or several on processors."""

from __future__ import annotations

import contextlib
import ctypes
import datetime
import logging
import os
import signal
import sys
from collections.abc import Iterator

import torch
from torch import distributed as dist

from ddpm.errors import StudyError
from ddpm.study import Study
from ddpm.training.ranks import ALONE, Ranks, or_lost

# A process that does not answer ends the run after this time; saving a state takes seconds.
TIMEOUT = datetime.timedelta(minutes=5)
_PR_SET_PDEATHSIG = 1  # of Linux's prctl.h


def processes_of_torchrun() -> int | None:
    """How many processes torchrun started this one with; None where it did not."""
    return int(os.environ["WORLD_SIZE"]) if {"RANK", "WORLD_SIZE"} <= os.environ.keys() else None


def require_processes(study: Study, model: str, count: int, device: str) -> None:
    """Raises an error if the batches of a model cannot be split among so many processes.

    Args:
        study: the study.
        model: a key of `models`.
        count: of processes, over all nodes.
        device: "cpu" or "cuda".

    Raises:
        StudyError: they cannot, or this torch cannot train in several processes.
    """
    training = study.model(model).training
    if count == 1:
        return
    if training.batch_size % count:
        raise StudyError(
            f"{study.file}: models.{model}.training.batch_size: {training.batch_size} images cannot be split "
            f"among {count} processes in equal parts; change it or the number of processes (--processes)"
        )
    if training.gradient_clip_shards > 1 and training.gradient_clip_shards % count:
        raise StudyError(
            f"{study.file}: models.{model}.training.gradient_clip_shards: {training.gradient_clip_shards} "
            f"parts that are clipped apart cannot be split among {count} processes; take a number of "
            "processes (--processes) that divides them, or 1 for `gradient_clip_shards`"
        )
    part = training.batch_size // max(count, training.gradient_clip_shards)
    if part % training.gradient_accumulation:
        raise StudyError(
            f"{study.file}: models.{model}.training.gradient_accumulation: {training.gradient_accumulation} "
            f"parts do not divide the {part} images that each of {count} processes computes; lower it, as "
            "each process has fewer images than one alone, or take another number of processes (--processes)"
        )
    if not dist.is_available() or not (device == "cuda" or dist.is_gloo_available()):
        raise StudyError("--processes: this build of torch cannot train in several processes; use 1")


def require_gpus(count: int) -> None:
    """Raises StudyError if this machine has fewer GPUs than processes that are to train on it."""
    if (found := torch.cuda.device_count()) < count:
        raise StudyError(
            f"--processes: {count} processes on this machine need a GPU each, torch finds {found}; start "
            "fewer, or use --device cpu"
        )


@contextlib.contextmanager
def joined(device: str) -> Iterator[Ranks]:
    """This process among those that torchrun started, or alone.

    Args:
        device: "cpu" (gloo) or "cuda" (nccl; the process takes the GPU of its local rank).

    Raises:
        StudyError: there is no GPU for this process.
        LostProcess: another process ended.
    """
    count = processes_of_torchrun() or 1
    if count == 1:
        yield ALONE
        return
    _end_with_the_launcher()
    rank = int(os.environ["RANK"])
    if rank:
        _speak_of_problems_only(rank)
    if device == "cuda":
        local = int(os.environ.get("LOCAL_RANK", "0"))
        require_gpus(local + 1)
        torch.cuda.set_device(local)
    with or_lost():
        dist.init_process_group("nccl" if device == "cuda" else "gloo", timeout=TIMEOUT)
        # Flags and hashes go between processors, so that they do not wait for the GPUs.
        control = dist.new_group(backend="gloo", timeout=TIMEOUT) if device == "cuda" else None
    yield Ranks(rank, count, control)
    # Not after an error: taking leave would wait for processes that may be gone.
    dist.destroy_process_group()


def _end_with_the_launcher() -> None:
    """Has the system send SIGTERM (save and leave) should the launcher die without a chance to do so."""
    if sys.platform == "linux":
        with contextlib.suppress(OSError, AttributeError):
            ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


def _speak_of_problems_only(rank: int) -> None:
    """Leaves messages on progress to process 0, and says whose the others are."""
    logger = logging.getLogger("ddpm")
    logger.setLevel(logging.WARNING)
    for handler in logger.handlers:
        handler.setFormatter(logging.Formatter(f"process {rank}: %(message)s"))
