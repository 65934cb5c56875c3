"""A run that diverges late is evaluated at a checkpoint from before, and says so everywhere."""

import json
from pathlib import Path

import pandas as pd
import pytest
import torch
import yaml
from PIL import Image

from ddpm.cli import main
from ddpm.errors import DivergedError
from ddpm.evaluation.checkpoints import is_candidate
from ddpm.graph import layout
from ddpm.graph.dependencies import artefact_inputs
from ddpm.graph.run_files import checkpoint_rows
from ddpm.network.published.formats import read_sets
from ddpm.network.weights import read_weights, save_weights
from ddpm.records.measurements import read_measurements
from ddpm.study import load_study

ROOT = Path(__file__).parents[2]
MODEL = "epsilon_L_learned"
STEPS = 24


def study_of(rate: float, kept: list[int]) -> dict:
    """A tiny study of one model whose learning rate rises until its loss is not finite."""
    study = yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())
    study["defaults"]["network"] |= {"channels": 8, "channel_multipliers": [1, 1], "groups": 4}
    study["defaults"]["diffusion"] |= {"timesteps": 10, "beta_start": 0.01, "beta_end": 0.6}
    study["models"] = {
        MODEL: {
            "diffusion": {"prediction": "epsilon", "variance": "learned", "loss": "kl"},
            "training": {
                "steps": STEPS,
                "batch_size": 16,
                "learning_rate": rate,
                "gradient_clip": None,
                "warmup_steps": STEPS,
                "log_every": 2,
            },
            "checkpoints": {"steps": kept, "evaluate": "minimum_fid", "images": 20},
        }
    }
    study["sampling"] = {"images": 20, "batch_size": 20, "batches_per_shard": 1, "progressive_columns": 2}
    study["likelihood"] = {"batch_size": 100, "images_per_shard": 500, "images": 10}
    study["quality"]["features"] |= {"epochs": 1, "required_accuracy": 0.1}
    study["quality"] |= {"inception_splits": 2, "kid_subsets": 2, "kid_subset_size": 10}
    study["artefacts"] = {
        "models": None,
        "text_numbers": {"model": MODEL},
        "comparison": {},
        "figure13": {"model": MODEL, "rows": 2, "columns": 2},
        "checkpoints": {"models": [MODEL]},
    }
    return study


def ddpm(verb: str, *words: str) -> None:
    assert main([verb, "config/late.yaml", *words]) == 0


def train_and_choose(folder: Path, rate: float, kept: list[int], monkeypatch: pytest.MonkeyPatch) -> dict:
    """Trains the model, measures its checkpoints, and chooses; returns the chosen weights' provenance."""
    monkeypatch.chdir(folder)
    Path("config").mkdir()
    Path("config/published.csv").write_bytes((ROOT / "config/published.csv").read_bytes())
    Path("config/late.yaml").write_text(yaml.safe_dump(study_of(rate, kept)))
    ddpm("data", "digits")
    ddpm("features")
    ddpm("train", "--model", MODEL)
    for step in (*kept, STEPS):
        ddpm("checkpoint", "--model", MODEL, "--step", str(step))
    ddpm("choose", "--model", MODEL)
    return read_weights(layout.path(layout.CHOSEN, "late", model=MODEL, seed=0))[1]


def test_a_run_that_diverges_late_keeps_its_earlier_checkpoints(tmp_path, monkeypatch):
    chosen = train_and_choose(tmp_path, 5.0, [2, 4, 20], monkeypatch)
    study = load_study("config/late.yaml")
    _, run = read_weights(layout.path(layout.WEIGHTS, "late", model=MODEL, seed=0))
    assert run["status"].startswith("diverged at step ")
    diverged_at = int(run["status"].split()[-1])
    assert 4 < diverged_at < 20
    rows = [read_measurements([path]) for path in checkpoint_rows(study, MODEL, 0)]
    fid = [float(found.loc[found["metric"] == "FID", "value"].iloc[0]) for found in rows]
    assert [pd.notna(value) for value in fid] == [True, True, False, False]
    assert {status for found in rows for status in found["status"]} == {run["status"]}
    folder = layout.path(layout.RUN, "late", model=MODEL, seed=0) / "checkpoints"
    # 16 of 20 samples of 8x8 pixels, fourfold, with gaps of two pixels.
    assert {path.name: Image.open(path).size for path in folder.glob("*.png")} == {
        f"step{step}.png": (134, 134) for step in (2, 4)
    }
    best = 2 if fid[0] <= fid[1] else 4
    assert chosen["updates"] == best
    assert chosen["chosen"].startswith("minimum FID of 2 checkpoints")
    assert chosen["status"] == f"{run['status']}; evaluated at step {best}"

    ddpm("sample", "--model", MODEL)
    ddpm("quality", "--model", MODEL)
    for split in ("test", "train"):
        ddpm("bound", "--model", MODEL, "--split", split)
        ddpm("likelihood", "--model", MODEL, "--split", split)
    for table in ("text_numbers", "comparison"):
        ddpm("table", table)
    for figure in ("figure13", "checkpoints"):
        ddpm("figure", figure)
    text = pd.read_csv("results/late/text_numbers.csv")
    measured = text[text["metric"].isin(["IS", "FID", "NLL"])]
    assert measured["measured"].notna().all()
    assert set(measured["status"]) == {chosen["status"]}
    trace = pd.read_csv("results/late/tables/text_numbers.trace.csv")
    assert set(trace["status"].dropna()) == {chosen["status"]}
    for table in ("text_numbers", "comparison"):
        assert f"{MODEL}: {chosen['status']}." in Path(f"results/late/tables/{table}.md").read_text()
    assert chosen["status"] in json.dumps(json.loads(Path("results/late/figures/figure13.json").read_text()))
    assert artefact_inputs(study, "figure13")["samples"]


def test_a_run_without_a_finite_checkpoint_stays_blank(tmp_path, monkeypatch):
    chosen = train_and_choose(tmp_path, 1e9, [4], monkeypatch)
    diverged_at = int(chosen["status"].removeprefix("diverged at step "))
    # The checkpoint was written before the loss was looked at: its weights are not finite.
    assert diverged_at <= 4
    assert Path("results/late/models/epsilon_L_learned/seed0/checkpoints/step4.safetensors").exists()
    tensors, _ = read_weights(layout.path(layout.CHOSEN, "late", model=MODEL, seed=0))
    assert not tensors
    ddpm("sample", "--model", MODEL)
    ddpm("quality", "--model", MODEL)
    rows = read_measurements(["results/late/measurements/quality/epsilon_L_learned/seed0/sampling0.parquet"])
    assert rows["value"].isna().all()


def test_weights_of_the_divergence_are_no_candidates(tmp_path):
    """However finite: the loss is looked at some updates later, until when checkpoints are written."""
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"weight": torch.ones(2)}, {"status": "trained"})
    assert [is_candidate("diverged at step 5", step, path) for step in (4, 5, 6)] == [True, False, False]
    assert is_candidate("trained", STEPS, path)


@pytest.mark.parametrize(
    ("status", "holds"), [("diverged at step 9", False), ("diverged at step 9; evaluated at step 4", True)]
)
def test_weights_of_an_earlier_step_can_be_given_to_others(status, holds, tmp_path):
    path = tmp_path / "weights.safetensors"
    save_weights(path, {"weight": torch.ones(2)}, {"status": status, "settings": "none"})
    if holds:
        [found] = read_sets([path])
        assert set(found.content) == {"weight"}
    else:
        with pytest.raises(DivergedError, match=status):
            read_sets([path])
