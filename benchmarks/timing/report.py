"""Where and with what something was measured, and the page of `make bench`."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import time
from collections.abc import Mapping
from statistics import median
from typing import Any

import torch
from timing.clock import ratios
from timing.sides import REFERENCE, SIDES

from ddpm.records.provenance import git_commit, hardware

_PACKAGES = ("torch", "diffusers", "numpy")
_HEADER = (
    *("", "time of a step", "CPU time", "ratio, wall (min-max)", "ratio, CPU (min-max)", "images/s"),
    *("GFLOP/s", "of matmul", "peak MiB", "ratio"),
)
NOTES = (
    "Ratios are to {reference} in the same round, medians with the smallest and largest. GFLOP/s count the "
    "nominal operations of the paper's network on both sides (doubling and its 3x3 convolution apart), a "
    "multiply-add as two, training three times forward; over wall time. `of matmul` is that rate relative to "
    "the machine's product of square matrices in the same precision, which on some processors is slower than "
    "its convolutions. Peak memory is that of a process of its own, beyond its imports."
)
Record = Mapping[str, Any]


def conditions(device: str) -> dict[str, Any]:
    """Time, commit, hardware, versions, threads and the load of the last minute, as JSON values."""
    versions = {"python": platform.python_version()}
    for name in _PACKAGES:
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            continue
    return {
        "date": time.strftime("%Y-%m-%d %H:%M", time.gmtime()),
        "git_commit": git_commit(),
        "hardware": hardware(device),
        "versions": versions,
        "threads": torch.get_num_threads(),
        "load_before": load(),
    }


def load() -> float:
    """Processes that ran or waited to run, on average over the last minute."""
    return round(os.getloadavg()[0], 2)


def section(record: Record) -> str:
    """A record of `steps.py` as Markdown."""
    versions = ", ".join(f"{name} {version}" for name, version in record["versions"].items())
    rates = ", ".join(f"{name} {rate / 1e9:,.0f}" for name, rate in record["matmul"].items())
    lines = [
        f"## {record['date']}, {record['network']} network, {record['rounds']} rounds\n",
        f"{record['hardware']}; {versions}; {record['threads']} thread(s); load {record['load_before']} "
        f"before, {record['load_after']} after; commit {record['git_commit']}.\n",
        NOTES.format(reference=SIDES[REFERENCE].title) + "\n",
        f"Products of matrices, GFLOP/s: {rates}.\n",
        *(f"Left out: {name}: {reason}.\n" for name, reason in record["left_out"].items()),
    ]
    for measured in record["steps"]:
        lines += [f"### {measured['step']}, batch {measured['batch']}\n", _step_table(record, measured)]
    return "\n".join(lines)


def _step_table(record: Record, measured: Record) -> str:
    reference = measured["times"].get(REFERENCE)
    rows = [_HEADER, ["---"] * len(_HEADER)]
    for name, times in measured["times"].items():
        side, wall = SIDES[name], median(times["wall"])
        row = [side.title, _seconds(wall), _seconds(median(times["cpu"]))]
        row += [_ratios(times[kind], reference[kind]) if reference else "" for kind in ("wall", "cpu")]
        row.append(f"{measured['batch'] / wall:.3g}")
        rate = measured["nominal"] / wall
        row += [f"{rate / 1e9:,.0f}", f"{100 * rate / record['matmul'][side.precision]:.0f} %"]
        rows.append([*row, *_memory(measured["peaks"], name)])
    return "".join("| " + " | ".join(row) + " |\n" for row in rows)


def _memory(peaks: Mapping[str, int], name: str) -> list[str]:
    if name not in peaks:
        return ["", ""]
    reference = peaks.get(REFERENCE)
    return [f"{peaks[name] / 2**20:,.0f}", f"{peaks[name] / reference:.2f}" if reference else ""]


def _ratios(values: list[float], reference: list[float]) -> str:
    each = ratios(values, reference)
    return f"{median(each):.3f} ({min(each):.3f}-{max(each):.3f})"


def _seconds(value: float) -> str:
    return f"{value:.3g} s" if value >= 1 else f"{1000 * value:.3g} ms"
