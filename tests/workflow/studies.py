"""Runs Snakemake on a tiny study in a folder of its own."""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pausing
import yaml

ROOT = Path(__file__).parents[2]


def tiny_study() -> dict[str, Any]:
    """The demo with a tiny network, few steps, all of them saved, and few samples; one variant diverges."""
    study = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    study["title"] = "Tiny: handwritten digits"
    study["defaults"]["network"] |= {"channels": 8, "channel_multipliers": [1, 1], "groups": 4}
    study["defaults"]["diffusion"] |= {"timesteps": 10, "beta_start": 0.01, "beta_end": 0.6}
    study["defaults"]["training"] |= {"steps": 30, "batch_size": 16, "warmup_steps": 5, "log_every": 5}
    study["defaults"]["training"]["save_every_minutes"] = 0.0
    study["models"]["epsilon_L_learned"]["training"] = {
        "learning_rate": 1e9,
        "gradient_clip": None,
        "warmup_steps": 0,
    }
    study["sampling"] = {"images": 50, "batch_size": 20, "batches_per_shard": 2, "progressive_columns": 5}
    study["likelihood"] = {"batch_size": 200, "images_per_shard": 700}
    study["quality"]["features"] |= {"epochs": 2, "required_accuracy": 0.3}
    study["quality"] |= {"inception_splits": 2, "kid_subsets": 5, "kid_subset_size": 20}
    artefacts = study["artefacts"]
    for figure, size in [("figure1", (3, 2)), ("figure13", (5, 5))]:
        artefacts[figure] |= {"rows": size[0], "columns": size[1]}
    artefacts["figure14"]["rows"] = 5
    artefacts["figure2"]["t"] = 4
    artefacts["figure7"]["t"] = [10, 5, 0]
    artefacts["figure8"]["steps"] = [5]
    artefacts["figure9"]["steps"] = [10, 5, 0]
    artefacts["fewer_steps"] |= {"steps": [10, 3], "variances": ["fixed_large"]}
    artefacts["figure15"] |= {"samples": 4, "neighbours": 3}
    study["compression"] = {"images": 6, "batch_size": 4, "training_images": 10}
    artefacts["compression"]["schedules"] = ["progressive_x1", "bound"]
    return study


def write_study(folder: Path, study: dict[str, Any], name: str = "tiny") -> None:
    (folder / "config").mkdir(exist_ok=True)
    (folder / "config" / "published.csv").write_bytes((ROOT / "config" / "published.csv").read_bytes())
    (folder / "config" / f"{name}.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def command(folder: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "snakemake", "-s", str(ROOT / "Snakefile"), "-d", str(folder), *words]


def snakemake(folder: Path, *words: str, status: int = 0) -> str:
    """Runs Snakemake; returns its output after checking its exit status."""
    run = subprocess.run(
        command(folder, *words), stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=1500
    )
    assert run.returncode == status, run.stdout[-5000:]
    return run.stdout


@contextlib.contextmanager
def started(folder: Path, *words: str, output: str = "output.txt") -> Iterator[subprocess.Popen]:
    """Snakemake in a process group of its own, which is killed at the end; its output goes to a file."""
    with (folder / output).open("w") as file:
        process = subprocess.Popen(
            command(folder, *words, "--cores", "1"),
            env=pausing.environment(),
            stdout=file,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        yield process
    finally:
        kill(process)


def kill(process: subprocess.Popen) -> None:
    """SIGKILL to a process and all of its group."""
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def planned(folder: Path, *targets: str) -> set[str]:
    """The jobs of a dry run but the target, as `rule wildcard wildcard ...` without the results folder."""
    output = snakemake(folder, *targets, "-n")
    jobs = set()
    for block in re.split(r"\n(?=(?:local)?rule )", output)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)
        assert rule is not None
        wildcards = re.search(r"wildcards: (.*)", block)
        values = [pair.split("=")[1] for pair in wildcards[1].split(", ")] if wildcards else []
        if rule[1] not in targets:
            jobs.add(" ".join([rule[1], *values[1:]]))
    return jobs
