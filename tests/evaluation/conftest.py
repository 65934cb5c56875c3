import argparse
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from ddpm.commands import data, features
from ddpm.data.store import read_images, read_manifest
from ddpm.evaluation.features import FeatureExtractor
from ddpm.evaluation.model_job import ModelJob, figure_job
from ddpm.evaluation.quality import Evaluator, open_evaluator
from ddpm.graph.fingerprint import neighbours_fingerprint, sampling_fingerprint
from ddpm.graph.run_files import sample_shards
from ddpm.records.traced_files import write_arrays
from ddpm.study import Study, load_study

SAMPLES = 200
STUDY = f"""
title: A study for tests
datasets:
  digits: {{source: digits}}
defaults:
  dataset: digits
  network: {{channels: 8, channel_multipliers: [1], attention_resolutions: [], groups: 8}}
models:
  model: {{}}
  other: {{}}
sampling: {{images: {SAMPLES}, batch_size: 50, batches_per_shard: 2, progressive_columns: 2}}
quality:
  kid_subsets: 5
  features: {{kind: classifier, dataset: digits}}
artefacts:
  figure10: {{model: model}}
  figure15: {{model: model, samples: 4, neighbours: 5}}
"""


@pytest.fixture(scope="session")
def one_thread() -> Iterator[None]:
    """Threads beyond the free cores slow small networks down many times over."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def trained_folder(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    """A working folder with the digits and the trained classifier; tests must not change its files."""
    folder, before = tmp_path_factory.mktemp("evaluation"), Path.cwd()
    os.chdir(folder)
    try:
        Path("tiny.yaml").write_text(STUDY)
        study = load_study("tiny.yaml")
        data.run(study, argparse.Namespace(dataset="digits"))
        features.run(study, argparse.Namespace(device="cpu"))
    finally:
        os.chdir(before)
    return folder


@pytest.fixture
def study(trained_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The study in a folder of the test's own, with hard links to the digits and the classifier."""
    home = Path("results/tiny")
    for source in (trained_folder / home).rglob("*"):
        if source.is_file():
            target = tmp_path / source.relative_to(trained_folder)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.hardlink_to(source)
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(STUDY)
    return load_study("tiny.yaml")


@pytest.fixture
def train(study: Study) -> np.ndarray:
    return read_images(study, "digits", "train")


@pytest.fixture
def test(study: Study) -> np.ndarray:
    return read_images(study, "digits", "test")


@pytest.fixture
def job(study: Study) -> ModelJob:
    """Of the model, training seed 0 and sampling seed 0."""
    return figure_job(study, "figure15", neighbours_fingerprint, "cpu")


@pytest.fixture
def extractor(job: ModelJob) -> FeatureExtractor:
    return job.extractor()


@pytest.fixture
def evaluator(study: Study, extractor: FeatureExtractor) -> Iterator[Evaluator]:
    with open_evaluator(extractor, study.quality) as evaluator:
        yield evaluator


@pytest.fixture
def write_samples(study: Study) -> Callable[..., list[str]]:
    """Writes images as the two shards of `model`; keywords replace parts of the provenance."""

    def write(images: np.ndarray, x0_hat: np.ndarray | None = None, **provenance: object) -> list[str]:
        paths = sample_shards(study, "model", 0, 0)
        for path, part in zip(paths, np.array_split(np.arange(len(images)), len(paths)), strict=True):
            arrays = {"images": images[part], "index": part}
            if x0_hat is not None:
                arrays |= {"x0_hat": x0_hat[:, part], "reverse_steps": np.array([500, 1000])}
            record = {
                "settings": sampling_fingerprint(study, "model"),
                "status": "trained",
                "data_hash": read_manifest(study, "digits")["data_hash"],
                "weights_hash": "w" * 64,
            }
            write_arrays(path, arrays, record | provenance)
        return paths

    return write
