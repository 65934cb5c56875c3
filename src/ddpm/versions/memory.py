"""What was found in order at an earlier start, so that an ordinary start costs a look at file times."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from pathlib import Path

from ddpm.files import write_text

MEMORY = Path(".snakemake/versions.json")
Stamps = dict[str, list[int]]


def stamps(files: Iterable[str]) -> Stamps:
    """Of each file: when it was made [ns], when it changed [ns], its size [bytes]; empty if it is not there.

    As Snakemake sees a symbolic link: it was made when the link was, and changed when link or target did.
    """
    return {file: _stamp(file) for file in files}


def _stamp(file: str) -> list[int]:
    try:
        link, target = os.lstat(file), os.stat(file)
    except OSError:
        return []
    return [link.st_mtime_ns, max(link.st_mtime_ns, target.st_mtime_ns), target.st_size]


def remembered() -> dict[str, dict[str, Stamps]]:
    """By study: stamps of its `sources` (settings, dvc.lock) and `results`; nothing if there is no memory."""
    try:
        content = json.loads(MEMORY.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def remember(of_studies: Mapping[str, Mapping[str, Stamps]]) -> None:
    """Writes the memory; raises OutputError if it cannot be written."""
    write_text(MEMORY, json.dumps(of_studies))
