"""Inception's features, with random weights in its own file format: layers, checks, what is kept."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
import yaml
from inception_weights import write_random_weights

from ddpm.errors import DDPMError, WeightsError
from ddpm.evaluation.features import OFFICIAL_WEIGHTS
from ddpm.evaluation.job import Job
from ddpm.evaluation.quality import measure_quality
from ddpm.graph import layout
from ddpm.network.weights import read_weights, save_weights
from ddpm.study import Study, load_study

pytestmark = pytest.mark.slow

STUDY = """
title: A study with Inception's features
datasets: {cifar10: {source: cifar10}}
models: {model: {dataset: cifar10}}
quality:
  batch_size: 8
  kid_subsets: 2
  kid_subset_size: 4
  features: {kind: inception, weights: inception.pth}
artefacts: {models: null}
"""


@pytest.fixture(scope="session")
def weights(tmp_path_factory: pytest.TempPathFactory, one_thread: None) -> Path:
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    write_random_weights(path)
    return path


@pytest.fixture
def study(tmp_path: Path, weights: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    """The study with the random weights as those that its registry names."""
    monkeypatch.chdir(tmp_path)
    Path("inception.pth").hardlink_to(weights)
    Path("config").mkdir()
    entry = {
        "about": "random weights",
        "sha256": hashlib.sha256(weights.read_bytes()).hexdigest(),
        "bytes": weights.stat().st_size,
        "mirrors": ["http://localhost/inception.pth"],
    }
    Path("config/resources.yaml").write_text(yaml.safe_dump({OFFICIAL_WEIGHTS: entry}))
    Path("config/inception.yaml").write_text(STUDY)
    return load_study("config/inception.yaml")


def job(study: Study) -> Job:
    return Job(study=study, dataset="cifar10", settings="")


def images(count: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (count, 3, 32, 32), np.uint8)


def test_layers_are_those_of_the_paper(study):
    extractor = job(study).extractor()
    assert (extractor.features_layer, extractor.features) == ("2048", 2048)
    # The original inception score multiplies by the weights only.
    assert (extractor.logits_layer, extractor.classes) == ("logits_unbiased", 1008)
    assert extractor.weights_hash[:12] in extractor.description


def test_scores_say_that_there_are_fewer_images_than_published(study):
    with job(study).evaluator() as evaluator:
        scores = measure_quality(images(8), images(10, seed=1), "train", evaluator, ["IS", "FID"])
    assert [score.metric for score in scores] == ["IS", "FID"]
    assert all("8 images, fewer than the 50,000 of the published scores" in s.protocol for s in scores)
    assert all(np.isfinite(score.value) for score in scores)


def test_features_of_real_images_outlast_a_job_and_those_of_samples_do_not(study, monkeypatch):
    real, samples = images(10, seed=1), images(8)

    def fid() -> float:
        with job(study).evaluator() as evaluator:
            [score] = measure_quality(samples, real, "train", evaluator, ["FID"])
        return score.value

    first = fid()
    kept = list(layout.path(layout.FEATURE_CACHE, study.name).iterdir())
    assert len(kept) == 2
    assert all(file.suffix == ".safetensors" for file in kept)
    # What is kept is used: with other statistics in their place the score changes.
    [statistics] = [file for file in kept if "stat" in file.name]
    content, about = read_weights(statistics)
    whole = statistics.read_bytes()
    save_weights(statistics, content | {"mu": content["mu"] + 1.0}, about)
    assert fid() > first + 100
    # A damaged file is not, and is written anew.
    statistics.write_bytes(whole[:-9] + bytes([whole[-9] ^ 1]) + whole[-8:])
    assert fid() == first
    assert statistics.read_bytes() == whole
    for file in kept:
        file.unlink()
    assert fid() == first


def test_other_images_do_not_find_kept_features(study):
    with job(study).evaluator() as evaluator:
        measure_quality(images(8), images(10, seed=1), "train", evaluator, ["FID"])
    with job(study).evaluator() as evaluator:
        [other] = measure_quality(images(8), images(8), "train", evaluator, ["FID"])
    assert other.value == pytest.approx(0, abs=1e-3)


def test_weights_that_are_missing(study):
    Path("inception.pth").unlink()
    with pytest.raises(
        WeightsError, match=r"inception\.pth: there are no .*ddpm fetch resources/weights-inc"
    ):
        job(study).extractor()


def test_weights_that_are_not_the_official_ones(study):
    content = Path("inception.pth").read_bytes()
    Path("inception.pth").unlink()
    Path("inception.pth").write_bytes(content + b"x")
    with pytest.raises(DDPMError, match=r"inception\.pth: is not the official content"):
        job(study).extractor()
    Path("config/inception.yaml").write_text(
        STUDY.replace("inception.pth}", "inception.pth, official: false}")
    )
    extractor = job(load_study("config/inception.yaml")).extractor()
    assert "unofficial weights" in extractor.description
