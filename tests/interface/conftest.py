"""A tiny study with a trained model, its samples and its bound, made by the verbs once."""

import shutil
from pathlib import Path

import pytest
from small_study import build

# Two residual blocks at each resolution, as by default.
STUDY = """
title: A study that leaves
datasets:
  digits: {source: digits}
defaults:
  dataset: digits
  network: {channels: 8, channel_multipliers: [1, 2], attention_resolutions: [4], groups: 4}
  diffusion: {timesteps: 10, beta_start: 0.01, beta_end: 0.5}
  training: {steps: 4, batch_size: 8, log_every: 2, learning_rate: 0.01, warmup_steps: 1, ema_decay: 0.5}
models:
  simple: {seeds: [0, 1]}
  mu_tilde: {diffusion: {prediction: mu_tilde}}
  learned: {diffusion: {variance: learned, loss: kl}}
  wide: {network: {channel_multipliers: [2, 2]}}
sampling: {images: 12, batch_size: 8, batches_per_shard: 1}
likelihood: {images: 3, batch_size: 20, seed: 5}
quality: {features: {kind: classifier, dataset: digits}}
artefacts: {}
"""
RUN = ["config/leaving.yaml", "--model", "simple"]


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which the verbs ran; tests must not change its files."""
    verbs = [["data", RUN[0], "digits"], ["train", *RUN, "--threads", "1"]]
    verbs += [["sample", *RUN, "--threads", "1", "--shard", shard] for shard in "01"]
    verbs += [["bound", *RUN, "--threads", "1"], ["likelihood", *RUN]]
    return build(tmp_path_factory.mktemp("leaving"), RUN[0], STUDY, verbs)


@pytest.fixture
def folder(built: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the test's own, made the current folder."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    return tmp_path
