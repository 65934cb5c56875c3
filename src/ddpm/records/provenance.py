"""Where a number came from: the commit of the code and the hardware it was measured on."""

from __future__ import annotations

import functools
import os
import platform
import re
import subprocess
from pathlib import Path

import ddpm


@functools.cache
def git_commit() -> str:
    """Commit of the code, followed by " (uncommitted changes)" where tracked files differ from it.

    Of a package that no git repository tracks, or where git cannot tell: "unknown (version ...)".
    """
    return commit_of(Path(__file__)) or f"unknown (version {ddpm.__version__})"


def commit_of(file: Path) -> str:
    """The commit of the repository that tracks a file, in the words of `git_commit`; "" if there is none.

    An environment that lies within another project's repository is not tracked there.
    """
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        commit = _git(file, "rev-parse", "HEAD")
        changes = _git(file, "status", "--porcelain", "--untracked-files=no", ":/")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + (" (uncommitted changes)" if changes else "")


def commit_date(commit: str) -> str:
    """The date of a commit of this project's code as YYYY-MM-DD, in its author's time zone; "" if unknown.

    Args:
        commit: as `git_commit` writes it.
    """
    name = commit.partition(" ")[0]
    if not re.fullmatch(r"[0-9a-f]{40,64}", name):
        return ""
    try:
        return _git(Path(__file__), "show", "--no-patch", "--format=%as", name)
    except (OSError, subprocess.CalledProcessError):
        return ""


def _git(file: Path, *arguments: str) -> str:
    # A checkout of another owner is read all the same, as its code is running; nothing it configures starts.
    options = ["-c", "safe.directory=*", "-c", "core.fsmonitor=false"]
    command = ["git", "-C", str(file.parent), *options, *arguments]
    # As a git hook sets them, these would name another repository.
    environment = {name: value for name, value in os.environ.items() if not name.startswith("GIT_")}
    run = subprocess.run(command, capture_output=True, text=True, check=True, env=environment)
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
