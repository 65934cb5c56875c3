"""From which code, on which hardware and from which study files the results of a study were made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ddpm.graph import layout
from ddpm.records.measurements import read_measurements
from ddpm.records.provenance import commit_date
from ddpm.records.traced_files import read_provenance


def made_from(files: Sequence[str]) -> dict[str, Any]:
    """What measurements and training curves say of their origin.

    The dates are those of the commits, not of the computation: two runs of the same code give the same.

    Returns:
        commits: by commit (in the words of `git_commit`) its date as YYYY-MM-DD, "" where that is unknown;
        hardware: processors and GPUs;
        study_files: by path of a study's file the SHA-256 hashes that results name.

    Raises:
        DataError: a file is missing or damaged.
    """
    commits: set[str] = set()
    hardware: set[str] = set()
    study_files: dict[str, set[str]] = {}
    for file in dict.fromkeys(files):
        about = read_provenance(file)
        for path, digest in about.get("study_files", {}).items():
            study_files.setdefault(path, set()).add(digest)
        if layout.match(file)[0] in layout.MEASUREMENTS:
            rows = read_measurements([file])
            commits |= set(rows["git_commit"])
            hardware |= set(rows["hardware"])
        else:
            commits |= {about["git_commit"]} if "git_commit" in about else set()
            hardware |= {about["hardware"]} if "hardware" in about else set()
    return {
        "commits": {commit: commit_date(commit) for commit in sorted(commits)},
        "hardware": sorted(hardware),
        "study_files": {path: sorted(study_files[path]) for path in sorted(study_files)},
    }
