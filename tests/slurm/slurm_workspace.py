"""A copy of the workflow; of its Slurm profile only the lines to edit differ, and how often it asks."""

from __future__ import annotations

import re
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

from slurm_daemons import die_with_parent
from slurm_settings import GPU_TYPE, PARTITION
from studies import ROOT, write_study

# Polls follow each other after 2, 12, 22, ... seconds instead of 40, 50, ...
POLLING = "slurm-init-seconds-before-status-checks: 2\nmax-status-checks-per-second: 100\n"


def edited_profile(**lines: object) -> str:
    """slurm/config.yaml with some of its lines to edit changed, as a user would."""
    text = (ROOT / "slurm" / "config.yaml").read_text()
    for name, value in lines.items():
        text, changed = re.subn(rf"(?m)^(  {name}:) \S+( #.*)$", rf"\1 {value}\2", text)
        assert changed == 1, name
    return text + POLLING


def write_workspace(folder: Path, study: dict[str, Any], **lines: object) -> None:
    """The root of a checkout: the workflow, its profiles and a study."""
    shutil.copy(ROOT / "Snakefile", folder)
    for name in ("workflow", "profiles"):
        shutil.copytree(ROOT / name, folder / name)
    write_profile(folder, **lines)
    write_study(folder, study)


def write_profile(folder: Path, **lines: object) -> None:
    """slurm/config.yaml for the Slurm of these tests, with more of its lines changed."""
    (folder / "slurm").mkdir(exist_ok=True)
    lines = {"partition": PARTITION, "gpu_type": GPU_TYPE} | lines
    (folder / "slurm" / "config.yaml").write_text(edited_profile(**lines))


def launch(folder: Path, *words: str) -> subprocess.Popen[str]:
    """Starts `snakemake --profile slurm ...` in the folder; its output goes to output.txt there."""
    with open(folder / "output.txt", "w") as output:
        return subprocess.Popen(
            [sys.executable, "-m", "snakemake", "--profile", "slurm", *words],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            text=True,
            preexec_fn=_as_at_a_terminal,
        )


def _as_at_a_terminal() -> None:
    """Ctrl-C reaches the new process also where a shell runs the tests in its background, ignoring it."""
    die_with_parent()
    signal.signal(signal.SIGINT, signal.SIG_DFL)


def finish(process: subprocess.Popen[str], folder: Path, status: int = 0) -> str:
    """Waits for the end; returns the output after checking the exit status."""
    process.wait(timeout=1500)
    output = (folder / "output.txt").read_text()
    assert process.returncode == status, output[-8000:]
    return output
