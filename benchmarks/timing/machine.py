"""Where and with what something was measured."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from typing import Any

import torch

from ddpm.provenance import git_commit, hardware

_PACKAGES = ("torch", "diffusers", "denoising-diffusion-pytorch", "numpy", "snakemake")


def conditions(device: str) -> dict[str, Any]:
    """Time, commit, hardware, versions, threads and the load of the last minute, as JSON values."""
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "git_commit": git_commit(),
        "hardware": hardware(device),
        "versions": {"python": platform.python_version()} | versions(),
        "threads": torch.get_num_threads(),
        "load_before": load(),
    }


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    found = {}
    for name in _PACKAGES:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found


def load() -> float | None:
    """Processes that ran or waited to run, on average over the last minute; None where unknown."""
    try:
        return round(os.getloadavg()[0], 2)
    except OSError:
        return None
