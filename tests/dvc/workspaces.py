"""Working folders under git and DVC: the project's own stages and rules with a tiny study named demo."""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
PROJECT = [
    *("Snakefile", "dvc.yaml", ".dvcignore", ".gitignore", ".dvc/config", ".dvc/.gitignore"),
    *("profiles", "workflow"),
]
ENVIRONMENT = os.environ | {
    "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_AUTHOR_NAME": "test",
    "GIT_AUTHOR_EMAIL": "test@localhost",
    "GIT_COMMITTER_NAME": "test",
    "GIT_COMMITTER_EMAIL": "test@localhost",
    "CUDA_VISIBLE_DEVICES": "",
}
ENVIRONMENT.pop("SNAKEMAKE_PROFILE", None)
REPORT = "results/demo/report.html"
TARGETS = ("demo",)
WEIGHTS = "results/demo/models/{}/seed0/weights.safetensors"
# What depends on the settings of one of the two models.
VARIANT = {
    "train epsilon_L_fixed 0",
    "sample epsilon_L_fixed 0 0 0",
    "quality epsilon_L_fixed 0 0",
    "bound epsilon_L_fixed 0 test 0",
    "bound epsilon_L_fixed 0 train 0",
    "likelihood epsilon_L_fixed 0 test",
    "likelihood epsilon_L_fixed 0 train",
    "table table1",
    "figure training_curves",
    "metrics",
    "report",
    "demo",
}


def tiny_demo() -> dict[str, Any]:
    """Two tiny models, three tables and three figures: every kind of job that trains nothing else."""
    study = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    study["defaults"]["network"] |= {"channels": 8, "channel_multipliers": [1, 1], "groups": 4}
    study["defaults"]["diffusion"] |= {"timesteps": 4, "beta_start": 0.05, "beta_end": 0.9}
    study["defaults"]["training"] |= {"steps": 10, "batch_size": 16, "warmup_steps": 5, "log_every": 5}
    study["models"] = {name: study["models"][name] for name in ("epsilon_L_fixed", "epsilon_L_simple")}
    study["models"]["epsilon_L_simple"].pop("seeds")
    study["sampling"] = {"images": 20, "batch_size": 20, "batches_per_shard": 1, "progressive_columns": 4}
    study["likelihood"] = {"batch_size": 500, "images_per_shard": 1300}
    study["quality"]["features"] |= {"epochs": 1, "required_accuracy": 0.1}
    study["quality"] |= {"inception_splits": 2, "kid_subsets": 2, "kid_subset_size": 10}
    artefacts = study["artefacts"]
    study["artefacts"] = {
        "models": None,
        "table1": artefacts["table1"],
        "table4": artefacts["table4"],
        "figure10": artefacts["figure10"],
        "figure13": artefacts["figure13"] | {"rows": 4, "columns": 4},
        "training_curves": {"models": list(study["models"])},
    }
    return study


def run(folder: Path, *words: str | Path, status: int = 0) -> str:
    """Runs a command in a folder; returns all that it printed, after checking its exit status."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=ENVIRONMENT,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=900,
    )
    assert done.returncode == status, f"{words}: {done.returncode}\n{done.stdout[-5000:]}"
    return done.stdout


def make_workspace(folder: Path, remote: Path) -> None:
    """A git repository with the project's workflow and stages, the tiny study, and a remote of DVC."""
    for name in PROJECT:
        source, target = ROOT / name, folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(source, target) if source.is_dir() else shutil.copy(source, target)
    (folder / "config").mkdir()
    for name in ("published.csv", "resources.yaml", "cifar10.yaml", "paper.yaml"):
        shutil.copy(ROOT / "config" / name, folder / "config" / name)
    shutil.copytree(ROOT / "config" / "expected", folder / "config" / "expected")
    write_study(folder, tiny_demo())
    run(folder, "git", "init", "--quiet")
    run(folder, "dvc", "remote", "add", "--quiet", "--default", "store", remote)
    commit(folder, "start")


def write_study(folder: Path, study: dict[str, Any]) -> None:
    (folder / "config/demo.yaml").write_text(yaml.safe_dump(study, sort_keys=False))


def commit(folder: Path, message: str) -> None:
    run(folder, "git", "add", "--all")
    run(folder, "git", "commit", "--quiet", "--message", message)


def clone(origin: Path, folder: Path, cache_type: str = "copy") -> Path:
    """A clone of the last commit with all results pulled; a cache of its own, so that all is pulled anew."""
    run(origin.parent, "git", "clone", "--quiet", origin, folder)
    run(folder, "dvc", "config", "--local", "cache.type", cache_type)
    run(folder, "dvc", "pull", "--quiet", "--allow-missing")
    return folder


def snakemake(folder: Path, *words: str, status: int = 0) -> str:
    return run(folder, sys.executable, "-m", "snakemake", *words, status=status)


def planned(folder: Path, *words: str) -> set[str]:
    """The jobs of a dry run, as `rule wildcard ...` without the results folder."""
    return set(jobs(snakemake(folder, *(words or TARGETS), "-n")))


def jobs(text: str) -> list[str]:
    """The jobs that a dry run or a log shows, as `rule wildcard ...` without the results folder."""
    found = []
    for block in re.split(r"\n(?=(?:local)?rule )", text)[1:]:
        rule = re.match(r"(?:local)?rule (\w+):", block)
        wildcards = re.search(r"wildcards: (.*)", block)
        pairs = [pair.split("=") for pair in wildcards[1].split(", ")] if wildcards else []
        found.append(" ".join([rule[1], *(value for name, value in pairs if name != "home")]))
    return found


def change(folder: Path, edit: Callable[[dict[str, Any]], None]) -> None:
    """Rewrites the study in place."""
    study = tiny_demo()
    edit(study)
    write_study(folder, study)


def change_variant(study: dict[str, Any]) -> None:
    study["models"]["epsilon_L_fixed"]["training"] = {"learning_rate": 0.001}


def weights_times(folder: Path) -> dict[str, int]:
    return {
        str(file): file.stat().st_mtime_ns for file in (folder / "results/demo/models").rglob("*.safetensors")
    }


def cached(folder: Path) -> dict[str, str]:
    """MD5 of every object in DVC's cache."""
    files = [file for file in (folder / ".dvc/cache/files").rglob("*") if file.is_file()]
    return {str(file): hashlib.md5(file.read_bytes()).hexdigest() for file in files}


def status(folder: Path) -> Any:
    return json.loads(run(folder, "dvc", "status", "--json", "demo").splitlines()[-1])
