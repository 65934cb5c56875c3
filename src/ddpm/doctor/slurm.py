"""Slurm: its programs, the partition of slurm/config.yaml, and Snakemake's plugin."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

from ddpm.doctor.finding import Finding, ok, problem, unused
from ddpm.programs import ask

PROFILE = Path("slurm/config.yaml")
_PROGRAMS = ("sbatch", "squeue", "sinfo")
_PLUGIN = "snakemake-executor-plugin-slurm"


def slurm(wanted: bool | None, profile: Path = PROFILE) -> Iterator[Finding]:
    """Whether `snakemake --profile slurm` can work from here.

    Args:
        wanted: whether a study needs it, for want of a GPU here; None if no study was asked about.
        profile: the profile's file.
    """
    if wanted is False:
        yield unused("Slurm", "the study can run on this machine")
        return
    needed, there = bool(wanted), [name for name in _PROGRAMS if shutil.which(name)]
    if not there:
        yield unused("Slurm", "not on this machine; a cluster's login node has it")
        return
    missing = [name for name in _PROGRAMS if name not in there]
    if missing:
        text = f"{', '.join(there)} found, but not {', '.join(missing)}"
        yield problem(needed, "Slurm", text, "complete the PATH: all of Slurm's programs lie in one folder")
        return
    yield from _partition(needed, profile)
    if importlib.util.find_spec(_PLUGIN.replace("-", "_")) is None:
        remedy = f"pip install {_PLUGIN}, in the version of envs/requirements.txt"
        yield problem(needed, "Slurm", f"Snakemake's plugin {_PLUGIN} is not installed", remedy)


def _partition(needed: bool, profile: Path) -> Iterator[Finding]:
    answer = ask("sinfo", "--noheader", "--format=%P|%a|%G")
    if answer is None or not answer.good:
        said = answer.text if answer else "sinfo is gone"
        remedy = "ask the cluster's administrators, or try again later"
        yield problem(needed, "Slurm", f"sinfo does not answer: {said}", remedy)
        return
    rows = [line.split("|") for line in answer.text.splitlines() if line.count("|") == 2]
    # The default one has a star behind its name.
    partitions = {name.rstrip("*"): (state, gres) for name, state, gres in rows}
    wanted = _variables(profile)
    if not wanted:
        yield unused("Slurm", f"answers; there is no {profile} here that names a partition")
        return
    name, gpu = str(wanted.get("partition", "")), str(wanted.get("gpu_type") or "")
    edit = f"edit the lines at the top of {profile}"
    if name not in partitions:
        text = f"{profile} names the partition {name!r}, and there are {', '.join(partitions) or 'none'}"
        yield problem(needed, "Slurm", text, edit)
        return
    state = partitions[name][0]
    devices = ", ".join(dict.fromkeys(row[2] for row in rows if row[0].rstrip("*") == name))
    if state != "up":
        yield problem(needed, "Slurm", f"the partition {name} is {state}", f"wait until it is up, or {edit}")
    elif "gpu" not in devices:
        yield problem(needed, "Slurm", f"the partition {name} has no GPUs (gres: {devices})", edit)
    elif gpu and gpu not in devices:
        text = f"the partition {name} has no GPUs of the type {gpu} (gres: {devices})"
        yield problem(needed, "Slurm", text, edit)
    else:
        yield ok("Slurm", f"answers; the partition {name} is up, gres: {devices}")


def _variables(profile: Path) -> Mapping[str, Any]:
    """The lines to edit, of a profile."""
    if not profile.is_file():
        return {}
    content = yaml.safe_load(profile.read_text(encoding="utf-8"))
    found = content.get("__variables__") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
