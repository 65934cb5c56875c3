"""Where a number came from: the commit of the code and the hardware it was measured on."""

from __future__ import annotations

import functools
import os
import platform
import subprocess
from pathlib import Path

import ddpm


@functools.cache
def git_commit() -> str:
    """Commit of the code, with "+changes" where tracked files differ from it.

    A package that is not run from a git checkout answers with its version.
    """
    here = Path(__file__).parent
    try:
        commit = _git(here, "rev-parse", "HEAD")
        changes = _git(here, "status", "--porcelain", "--untracked-files=no")
    except (OSError, subprocess.CalledProcessError):
        return f"version {ddpm.__version__}"
    return commit + ("+changes" if changes else "")


def _git(folder: Path, *arguments: str) -> str:
    run = subprocess.run(["git", "-C", folder, *arguments], capture_output=True, text=True, check=True)
    return run.stdout.strip()


@functools.cache
def hardware(device: str) -> str:
    """The processor or GPU and the torch version, for example "AMD EPYC, 2 cores, torch 2.13.0".

    Args:
        device: "cpu" or "cuda": the one that computes.
    """
    import torch

    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    return f"{_processor()}, {os.cpu_count()} cores, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
