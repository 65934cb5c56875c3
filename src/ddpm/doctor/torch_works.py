"""torch, torchvision and the GPU, as the probe finds them, beside what the driver says."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from importlib import metadata
from typing import Any

from ddpm.device import VISIBLE
from ddpm.doctor.finding import Finding, failed, ok, problem, unused, warning
from ddpm.plan.guard import LIMIT_HOURS
from ddpm.plan.units import duration
from ddpm.programs import ask

_AGAIN = "pip install --force-reinstall --no-deps"
_QUERY = ("nvidia-smi", "--query-gpu=name,memory.total,driver_version", "--format=csv,noheader")
# After that long, in seconds, the probe is stopped; nvidia-smi takes some seconds a machine.
_PROBE_LIMIT, _DRIVER_LIMIT = 120.0, 20.0


@dataclass(frozen=True)
class Report:
    """What the probe said.

    Attributes:
        steps: what each step found, by name.
        end: why the probe ended before its last step; "" if it did not.
    """

    steps: dict[str, dict[str, Any]] = field(default_factory=dict)
    end: str = ""

    def error(self, step: str) -> str:
        """Why a step failed; "" if it did not."""
        found = self.steps.get(step)
        return self.end or "was not tried" if found is None else str(found.get("error", ""))

    @property
    def gpus(self) -> list[tuple[str, int]]:
        """Names and memory [bytes] of the GPUs that torch finds."""
        return [(name, memory) for name, memory in self.steps.get("gpu", {}).get("gpus", [])]


def probe() -> Report:
    """Tries torch out in a process of its own."""
    words = [sys.executable, "-m", "ddpm.doctor.probe"]
    try:
        run = subprocess.run(words, capture_output=True, text=True, errors="replace", timeout=_PROBE_LIMIT)
    except subprocess.TimeoutExpired:
        return Report(end=f"did not end within {_PROBE_LIMIT:.0f} s")
    lines = [json.loads(line) for line in run.stdout.splitlines() if line.startswith('{"step"')]
    end = ""
    if run.returncode < 0:
        end = f"the process was killed by {signal.Signals(-run.returncode).name}"
    elif run.returncode:
        end = (run.stderr.strip().splitlines() or [f"it ended with status {run.returncode}"])[-1]
    return Report({line["step"]: line for line in lines}, end)


def torch_works(report: Report) -> Iterator[Finding]:
    """Whether torch can be imported and computes."""
    if error := report.error("torch_import"):
        yield failed("torch", f"cannot be imported: {error}", "pip install -r envs/requirements.txt")
        return
    about = report.steps["torch_import"]
    build = f"for CUDA {about['cuda']}" if about["cuda"] else "without CUDA"
    if error := report.error("convolution"):
        text = f"{about['version']}, {build}: does not compute: {error}"
        yield failed(
            "torch", text, f"{_AGAIN} torch=={_plain(about['version'])}, in a build for this processor"
        )
    else:
        yield ok("torch", f"{about['version']}, built {build}; it imports and computes")


def torchvision_agrees(report: Report, wanted: str | None = None) -> Iterator[Finding]:
    """Whether torchvision is one for this torch.

    Args:
        report: of the probe.
        wanted: the version of torch that the installed torchvision asks for; by default as its metadata say.
    """
    torch = _plain(str(report.steps.get("torch_import", {}).get("version", "")))
    if not torch:
        yield failed("torchvision", "could not be tried without torch", "see torch")
        return
    wanted = _torch_of_torchvision() if wanted is None else wanted
    remedy = "install the two together: pip install -r envs/requirements.txt"
    if error := report.error("torchvision_import"):
        yield failed("torchvision", f"cannot be imported: {error}", remedy)
    elif wanted and wanted != torch:
        yield failed("torchvision", f"is made for torch {wanted}, and torch {torch} is installed", remedy)
    else:
        about = report.steps["torchvision_import"]
        operators = "" if about["operators"] else "; its own operators do not load, and are not used here"
        yield ok("torchvision", f"{about['version']}, made for this torch{operators}")


def gpu_works(report: Report, hours: float | None) -> Iterator[Finding]:
    """Whether torch finds the GPUs that the driver shows, and can train on one.

    Args:
        report: of the probe.
        hours: that the study's networks take on a processor; None if no study was asked about.
    """
    needed = hours is not None and hours > LIMIT_HOURS
    driver = ask(*_QUERY, seconds=_DRIVER_LIMIT)
    shown = driver.text.splitlines() if driver is not None and driver.good else []
    if report.gpus:
        yield _training_on(report)
    elif shown:
        yield _hidden(report, shown, needed)
    elif driver is not None and not driver.good and (needed or hours is None):
        text = f"nvidia-smi is here, and says: {driver.text}"
        yield warning("GPU", text, "load or reinstall NVIDIA's driver, if this machine has a GPU")
    elif needed:
        text = f"none here, and on a processor this study takes about {duration(3600 * (hours or 0))}"
        remedy = "run it on a machine with one, or on a cluster: snakemake --profile slurm ..."
        yield warning("GPU", text, remedy)
    else:
        yield unused("GPU", f"none here, and {'the demo' if hours is None else 'the study'} needs none")


def _training_on(report: Report) -> Finding:
    names = ", ".join(f"{name} ({memory / 1e9:.0f} GB)" for name, memory in report.gpus)
    if error := report.error("training_step"):
        text = f"{names}: a training step fails: {error}"
        return failed(
            "GPU", text, "install a torch for this GPU, or compute on the processor: export DDPM_DEVICE=cpu"
        )
    return ok("GPU", f"{names}; a training step in bfloat16 works")


def _hidden(report: Report, shown: list[str], needed: bool) -> Finding:
    """The driver has GPUs that torch does not find."""
    text = f"nvidia-smi shows {len(shown)} ({shown[0]}), but torch finds none"
    if (visible := os.environ.get(VISIBLE)) is not None:
        return problem(needed, "GPU", f"{text}: {VISIBLE}={visible}", f"unset {VISIBLE}")
    about = report.steps.get("torch_import", {})
    if not about.get("cuda"):
        version = _plain(str(about.get("version", "")))
        remedy = f"{_AGAIN} torch=={version}, from an index with CUDA builds, as PyPI has"
        return problem(needed, "GPU", f"{text}: it was built without CUDA", remedy)
    told = "; ".join(report.steps.get("gpu", {}).get("warnings", [])) or report.error("gpu")
    remedy = f"update NVIDIA's driver, or install a torch for an older CUDA than {about['cuda']}"
    return problem(needed, "GPU", f"{text}: {told}" if told else text, remedy)


def _plain(version: str) -> str:
    """Without the name of a build: 2.13.0 of 2.13.0+cpu."""
    return version.partition("+")[0]


def _torch_of_torchvision() -> str:
    try:
        wanted = metadata.requires("torchvision") or []
    except metadata.PackageNotFoundError:
        return ""
    found = [re.fullmatch(r"torch==([\w.]+).*", line) for line in wanted]
    return next((match[1] for match in found if match), "")
