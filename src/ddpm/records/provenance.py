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
def git_commit(*study_files: str) -> str:
    """Commit of the code, and in brackets what of code and study is not in it.

    That is "uncommitted changes", where tracked files differ or the package has modules that git does not
    know, and "not committed: ..." with the study's files of which git does not have the content of now.
    Of a package that no git repository tracks, or where git cannot tell: "unknown (version ...)".

    Args:
        study_files: the paths in `Study.files`.
    """
    commit = commit_of(Path(ddpm.__file__))
    if not commit:
        return f"unknown (version {ddpm.__version__})"
    unknown = [file for file in study_files if not _is_committed(Path(file))]
    return commit + (f" (not committed: {', '.join(unknown)})" if unknown else "")


def commit_of(file: Path) -> str:
    """The commit of the repository that tracks a file, in the words of `git_commit`; "" if there is none.

    Modules that lie untracked in the file's folder, or below, count as changes.

    An environment that lies within another project's repository is not tracked there.
    """
    try:
        _git(file, "ls-files", "--error-unmatch", file.name)
        commit = _git(file, "rev-parse", "HEAD")
        changes = _git(file, "status", "--porcelain", "--untracked-files=no", ":/")
        modules = _git(file, "ls-files", "--others", "--exclude-standard", "--", "*.py")
    except (OSError, subprocess.CalledProcessError):
        return ""
    return commit + (" (uncommitted changes)" if changes or modules else "")


def _is_committed(file: Path) -> bool:
    """Whether a repository that the file lies in has its content of now; one that is ignored is not in it."""
    try:
        status = _git(file, "status", "--porcelain", "--ignored", "--untracked-files=all", "--", file.name)
    except (OSError, subprocess.CalledProcessError):
        return False
    return not status


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
    """The processor or GPU and the torch version, for example "AMD EPYC, 2 cores, AVX2, torch 2.13.0".

    Of a processor the instructions that torch uses, as results are the same to the bit with the same ones.

    Args:
        device: "cpu" or "cuda": the one that computes.
    """
    import torch

    if device == "cuda":
        return f"{torch.cuda.get_device_name()}, torch {torch.__version__}"
    instructions = torch.backends.cpu.get_cpu_capability()
    return f"{_processor()}, {os.cpu_count()} cores, {instructions}, torch {torch.__version__}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor() or platform.machine()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
