"""Asks DVC which files are as dvc.lock says; DVC knows its cache, and remembers hashes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from ddpm.versions.lock import VersionsError

_QUESTION = ("data", "status", "--granular", "--unchanged", "--json")


def unchanged_files() -> frozenset[str]:
    """Files, relative to the working folder, whose content is what dvc.lock says.

    DVC hashes files whose time has changed since it last looked.

    Raises:
        VersionsError: DVC is not installed, or gave no answer.
    """
    beside = Path(sys.executable).with_name("dvc")
    command = str(beside) if beside.exists() else shutil.which("dvc")
    if command is None:
        raise VersionsError("dvc is not installed: pip install dvc")
    run = subprocess.run([command, *_QUESTION], capture_output=True, text=True)
    try:
        return as_locked(json.loads(run.stdout))
    except ValueError:
        reason = run.stderr.strip() or f"exit status {run.returncode}"
        raise VersionsError(f"`dvc {' '.join(_QUESTION)}` failed: {reason}") from None


def as_locked(status: Mapping[str, Any]) -> frozenset[str]:
    """The files of the answer that agree with dvc.lock.

    Args:
        status: what `dvc data status --granular --unchanged --json` prints: `committed` compares dvc.lock
            with git's last commit, `uncommitted` the files with dvc.lock; `unchanged` is in neither.
    """
    committed = status.get("committed", {})
    locked = {
        *status.get("unchanged", []),
        *committed.get("added", []),
        *committed.get("modified", []),
        *_renamed(committed.get("renamed", []), "new"),
    }
    differing: set[str] = set()
    for kind, entries in status.get("uncommitted", {}).items():
        if kind == "renamed":
            differing.update(_renamed(entries, "old"), _renamed(entries, "new"))
        else:
            differing.update(entries)
    return frozenset(path for path in locked - differing if not path.endswith("/"))


def _renamed(entries: Iterable[Mapping[str, str]], side: str) -> set[str]:
    return {entry[side] for entry in entries}
