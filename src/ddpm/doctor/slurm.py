"""Slurm: its programs, the partitions of slurm/config.yaml, and Snakemake's plugin."""

from __future__ import annotations

import importlib.util
import shutil
from collections.abc import Iterator, Mapping, Sequence
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
    yield from _partitions(needed, profile)
    if importlib.util.find_spec(_PLUGIN.replace("-", "_")) is None:
        remedy = f"pip install {_PLUGIN}, in the version of envs/requirements.txt"
        yield problem(needed, "Slurm", f"Snakemake's plugin {_PLUGIN} is not installed", remedy)


def _partitions(needed: bool, profile: Path) -> Iterator[Finding]:
    answer = ask("sinfo", "--noheader", "--format=%P|%a|%G")
    if answer is None or not answer.good:
        said = answer.text if answer else "sinfo is gone"
        remedy = "ask the cluster's administrators, or try again later"
        yield problem(needed, "Slurm", f"sinfo does not answer: {said}", remedy)
        return
    wanted = _variables(profile)
    if not wanted:
        yield unused("Slurm", f"answers; there is no {profile} here that names a partition")
        return
    # The default partition has a star behind its name; kinds of nodes have a line each.
    rows = [line.split("|") for line in answer.text.splitlines() if line.count("|") == 2]
    there = [(name.rstrip("*"), state, devices) for name, state, devices in rows]
    for line in ("partition", "cpu_partition"):
        for name in filter(None, str(wanted.get(line) or "").split(",")):
            gpu = str(wanted.get("gpu_type") or "gpu") if line == "partition" else ""
            fault = _fault(name, gpu, there)
            if fault:
                remedy = f"edit the line `{line}` at the top of {profile}; sinfo -o '%P %a %G' lists them"
                yield problem(needed, "Slurm", fault, remedy)
            else:
                devices = ", ".join(dict.fromkeys(row[2] for row in there if row[0] == name))
                yield ok("Slurm", f"answers; the partition {name} is up, gres: {devices}")


def _fault(name: str, gpu: str, there: Sequence[tuple[str, str, str]]) -> str:
    """Why jobs cannot run in a partition, on GPUs of a kind unless it is empty; "" if they can."""
    mine = [(state, devices) for found, state, devices in there if found == name]
    if not mine:
        names = ", ".join(dict.fromkeys(found for found, _, _ in there))
        return f"there is no partition {name!r}, only {names or 'none at all'}"
    if all(state != "up" for state, _ in mine):
        return f"the partition {name} is {mine[0][0]}: jobs wait until it is up"
    devices = ", ".join(dict.fromkeys(devices for _, devices in mine))
    if gpu not in devices:
        kind = "" if gpu == "gpu" else f" of the type {gpu}"
        return f"the partition {name} has no GPUs{kind} (gres: {devices})"
    return ""


def _variables(profile: Path) -> Mapping[str, Any]:
    """The lines to edit, of a profile."""
    if not profile.is_file():
        return {}
    content = yaml.safe_load(profile.read_text(encoding="utf-8"))
    found = content.get("__variables__") if isinstance(content, dict) else None
    return found if isinstance(found, dict) else {}
