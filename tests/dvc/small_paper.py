"""The paper's study in miniature, for its stages: two tiny models, two tables, one figure, one download.

It has no chains, neighbours or codes, so that a stage makes nothing in some of its folders.
"""

import hashlib
from pathlib import Path
from typing import Any

import yaml
from cifar_archive import write_archive
from http_server import Answers, FaultyServer
from workspaces import ROOT, commit, make_workspace

ARCHIVE = "cifar-10-python.tar.gz"


def small_paper() -> dict[str, Any]:
    """config/cifar10.yaml, small: one model is chosen among checkpoints and measured, one drawn from."""
    study = yaml.safe_load((ROOT / "config/cifar10.yaml").read_text())
    study["datasets"]["cifar10"] |= {"train_images": 20, "test_images": 4}
    study["defaults"]["network"] = {
        "channels": 8,
        "channel_multipliers": [1, 1],
        "residual_blocks": 1,
        "attention_resolutions": [],
        "groups": 4,
    }
    study["defaults"]["diffusion"] |= {"timesteps": 4, "beta_start": 0.05, "beta_end": 0.9}
    study["defaults"]["training"] |= {"steps": 4, "batch_size": 4, "warmup_steps": 2, "log_every": 1}
    study["defaults"]["checkpoints"] = {"steps": [], "evaluate": "last"}
    diffusion = {name: settings["diffusion"] for name, settings in study["models"].items()}
    study["models"] = {
        "epsilon_L_fixed": {"diffusion": diffusion["epsilon_L_fixed"]},
        "epsilon_L_simple": {
            "diffusion": diffusion["epsilon_L_simple"],
            "checkpoints": {"steps": [2], "evaluate": "minimum_fid", "images": 4},
        },
    }
    study["sampling"] |= {"images": 4, "batch_size": 4, "batches_per_shard": 1}
    study["likelihood"] |= {"batch_size": 20, "images_per_shard": 20}
    study["quality"] |= {"batch_size": 20, "inception_splits": 2, "kid_subsets": 2, "kid_subset_size": 4}
    # Matrix roots of Inception's 2,048 features would take most of the time.
    study["quality"]["features"] = {
        "kind": "classifier",
        "dataset": "cifar10",
        "epochs": 1,
        "required_accuracy": 0.0,
    }
    study["artefacts"] = {
        "models": None,
        "table1": {"L": None, "L_simple": "epsilon_L_simple"},
        "comparison": {},
        "figure13": {"model": "epsilon_L_fixed", "rows": 2, "columns": 2},
    }
    return study


def write_small_paper(folder: Path, study: dict[str, Any]) -> None:
    """Writes the study where the stages look for its settings: nothing is left for the 256x256 part."""
    (folder / "config/cifar10.yaml").write_text(yaml.safe_dump(study, sort_keys=False))
    paper = {"extends": "cifar10.yaml", "title": "Paper", "datasets": {}, "models": {}, "artefacts": {}}
    (folder / "config/paper.yaml").write_text(yaml.safe_dump(paper))


def make_small_paper(folder: Path, server: FaultyServer, study: dict[str, Any] | None = None) -> None:
    """A git repository with the project's stages and the miniature, whose archive the server has."""
    make_workspace(folder, folder.parent / "store")
    write_small_paper(folder, study or small_paper())
    _drop_tables(folder / "dvc.yaml", ("table2", "table4", "text_numbers", "fewer_steps", "compression"))
    served = folder.parent / "served"
    served.mkdir()
    archive = write_archive(served / ARCHIVE, images_per_batch=4, test_images=4).read_bytes()
    server.answers[f"/{ARCHIVE}"] = Answers(archive, etag='"1"')
    entry = {
        "about": "served by the test",
        "sha256": hashlib.sha256(archive).hexdigest(),
        "bytes": len(archive),
        "mirrors": [f"{server.url}/{ARCHIVE}"],
    }
    (folder / "config/resources.yaml").write_text(yaml.safe_dump({ARCHIVE: entry}))
    commit(folder, "the paper in miniature")


def _drop_tables(stages: Path, names: tuple[str, ...]) -> None:
    """Takes tables that the miniature does not build from the outputs of the stages."""
    text = stages.read_text()
    for name in names:
        line = f"      - results/{name}.csv: {{persist: true}}\n"
        assert line in text
        text = text.replace(line, "")
    stages.write_text(text)
