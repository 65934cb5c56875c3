"""The study of the drill: every kind of step, each a few seconds long, training saved after every update."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
NAME = "drill"
HOME = Path("results", NAME)
TARGET = str(HOME / "report.html")
MODEL = "epsilon_L_simple"
RUN = HOME / "models" / MODEL / "seed0"
STATE = RUN / "state"
STEPS = 120


def drill_study() -> dict[str, Any]:
    """Settings of the study: one model of the demo, chosen among two checkpoints."""
    study = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    study["title"] = "The kill drill: handwritten digits"
    defaults = study["defaults"]
    defaults["network"] |= {"channels": 8, "channel_multipliers": [1, 1], "groups": 4, "dropout": 0.1}
    defaults["diffusion"] |= {"timesteps": 10, "beta_start": 0.01, "beta_end": 0.6}
    defaults["training"] |= {"steps": STEPS, "batch_size": 16, "warmup_steps": 5, "log_every": 5}
    defaults["training"]["save_every_minutes"] = 0.0
    checkpoints = {"steps": [STEPS // 2], "evaluate": "minimum_fid", "images": 40}
    study["models"] = {MODEL: study["models"][MODEL] | {"seeds": [0], "checkpoints": checkpoints}}
    study["sampling"] = {"images": 40, "batch_size": 40, "batches_per_shard": 1}
    study["likelihood"] = {"batch_size": 200, "images_per_shard": 200, "images": 200}
    study["quality"]["features"] |= {"epochs": 1, "required_accuracy": 0.1}
    study["quality"] |= {"inception_splits": 2, "kid_subsets": 5, "kid_subset_size": 20}
    study["artefacts"] = {
        "models": None,
        "text_numbers": {"model": MODEL},
        "figure2": {"model": MODEL, "t": 4},
    }
    return study


def write_study(folder: Path, study: dict[str, Any] | None = None) -> None:
    """Makes a folder a working folder of the study (None: `drill_study`), or replaces its settings there."""
    config = folder / "config"
    config.mkdir(parents=True, exist_ok=True)
    shutil.copy(ROOT / "config" / "published.csv", config / "published.csv")
    text = yaml.safe_dump(drill_study() if study is None else study, sort_keys=False)
    (config / f"{NAME}.yaml").write_text(text)


def copy_source(folder: Path) -> None:
    """Copies what runs the workflow, so that changes in the checkout change no result meanwhile."""
    for name in ("src", "workflow", "profiles", "envs"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", folder / "Snakefile")
