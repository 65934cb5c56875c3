"""A tiny demo: what the examples need of `make demo`, built by the verbs in a few seconds."""

import shutil
from pathlib import Path

import pytest
from small_study import build

TEXT = """
title: A tiny demo
datasets:
  digits: {source: digits}
defaults:
  dataset: digits
  network: {channels: 8, channel_multipliers: [1, 2], attention_resolutions: [4], groups: 4}
  diffusion: {timesteps: 10, beta_start: 0.01, beta_end: 0.5}
  training: {steps: 40, batch_size: 16, log_every: 20, learning_rate: 0.01, warmup_steps: 1, ema_decay: 0.5}
models:
  epsilon_L_simple: {}
sampling: {images: 20, batch_size: 20, batches_per_shard: 1}
likelihood: {images: 20, batch_size: 20}
quality: {features: {kind: none}}
compression:
  training_images: 10
  schedules: {progressive: {mode: progressive, steps: 4}}
artefacts:
  models: null
  table4: {model: epsilon_L_simple}
  training_curves: {models: [epsilon_L_simple]}
"""
STUDY = "config/demo.yaml"
PUBLISHED = Path(__file__).parents[2] / "config/published.csv"


@pytest.fixture(scope="session")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the verbs ran."""
    folder, run = tmp_path_factory.mktemp("demo"), [STUDY, "--model", "epsilon_L_simple"]
    (folder / "config").mkdir()
    shutil.copy(PUBLISHED, folder / "config")
    verbs = [["data", STUDY, "digits"], ["train", *run]]
    for split in ("test", "train"):
        verbs += [["bound", *run, "--split", split], ["likelihood", *run, "--split", split]]
    verbs += [["schedule", *run], ["table", STUDY, "table4"]]
    build(folder, STUDY, TEXT, [*verbs, ["export", *run, "--to", "my_model"]])
    # Drawn by nobody, to save seconds.
    figure = folder / "results/demo/figures/training_curves.png"
    figure.parent.mkdir()
    figure.touch()
    return folder
