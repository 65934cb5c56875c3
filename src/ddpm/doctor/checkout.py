"""git: the commit that measurements will name."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import ddpm
from ddpm.doctor.finding import Finding, ok, unused, warning
from ddpm.records.provenance import commit_of


def checkout() -> Iterator[Finding]:
    """Whether measurements can name the code that made them."""
    if shutil.which("git") is None:
        remedy = "install git, so that measurements name the commit of the code"
        yield warning("git", "is not installed", remedy)
        return
    commit, _, changes = commit_of(Path(ddpm.__file__)).partition(" ")
    if not commit:
        text = f"the package lies in no git checkout: measurements name its version, {ddpm.__version__}"
        yield unused("git", text)
    elif changes:
        text = f"commit {commit[:12]} with uncommitted changes, which measurements will say"
        yield warning("git", text, "commit them before results that are to be kept: git status")
    else:
        yield ok("git", f"commit {commit[:12]}, nothing uncommitted")
