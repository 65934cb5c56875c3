"""The verb that gathers the bound: shards of one model and of the settings, and finite numbers."""

import argparse
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from ddpm import model
from ddpm.commands import likelihood
from ddpm.commands.arguments import model_job
from ddpm.data.store import manifest_path, read_manifest
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.fingerprint import likelihood_fingerprint
from ddpm.graph.run_files import bound_shards
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_frame, read_provenance, write_frame
from ddpm.study import load_study

RUN = argparse.Namespace(model="model", seed=0, split="test")
NAMES = {"model": "model", "seed": 0, "split": "test"}
OTHERS = [{"settings": "0123456789ab"}, {"weights_hash": "v" * 64}, {"data_hash": "d" * 64}]


@pytest.fixture
def study(study):
    """The study with its bound in shards of 100 images."""
    text = Path("tiny.yaml").read_text()
    shards = "likelihood: {batch_size: 1000, images_per_shard: 10, images: 40}\n"
    Path("tiny.yaml").write_text(text + shards)
    return load_study("tiny.yaml")


@pytest.fixture
def shards(study):
    """The bound of the study's test images in shards: 1 bit/dim each for the prior and all terms."""
    paths = bound_shards(study, "model", 0, "test")
    count = study.likelihood.evaluated(500)
    timesteps = study.model("model").diffusion.timesteps
    for path, images in zip(paths, np.array_split(np.arange(count), len(paths)), strict=True):
        rows = [np.full(timesteps, 1 / timesteps) for _ in images]
        frame = pd.DataFrame({"image": images, "prior": np.ones(len(images)), "terms": rows, "mse": rows})
        record = {
            "settings": likelihood_fingerprint(study, "model"),
            "status": "trained",
            "data_hash": read_manifest(study, "digits")["data_hash"],
            "weights_hash": "w" * 64,
            "hardware": "a laptop",
        }
        write_frame(path, frame, record)
    return paths


def rows_of(study):
    likelihood.run(study, RUN)
    return read_measurements([layout.path(layout.LIKELIHOOD_ROWS, study.name, **NAMES)])


def test_shards_of_one_model_are_gathered(study, shards):
    assert len(shards) > 1
    rows = rows_of(study)
    [nll] = rows.loc[rows.metric == "NLL", "value"]
    assert nll == pytest.approx(2.0)
    assert set(rows.weights_hash) == {"w" * 64}


@pytest.mark.parametrize("which", [0, -1])
@pytest.mark.parametrize("other", OTHERS)
def test_shards_of_another_model_are_refused(study, shards, which, other):
    path = shards[which]
    write_frame(path, read_frame(path), read_provenance(path) | other)
    with pytest.raises(DataError, match=r"shard\d\.parquet: .*run `ddpm bound tiny\.yaml --model model"):
        likelihood.run(study, RUN)


def test_a_bound_of_other_data_is_refused(study, shards):
    for path in shards:
        write_frame(path, read_frame(path), read_provenance(path) | {"data_hash": "d" * 64})
    with pytest.raises(DataError, match="trained on other data than digits"):
        likelihood.run(study, RUN)


def test_a_bound_that_is_not_finite_is_no_number(study, shards):
    frame = read_frame(shards[0])
    frame.loc[0, "prior"] = np.nan
    write_frame(shards[0], frame, read_provenance(shards[0]))
    rows = rows_of(study)
    assert rows.value.isna().all()
    assert set(rows.n) == {0}
    assert set(rows.status) == {"trained; not finite"}
    assert set(rows.protocol) == {"no bound: it is not finite"}
    curve = layout.path(layout.RATE_DISTORTION, study.name, **NAMES)
    assert read_frame(curve).empty
    assert read_provenance(curve)["status"] == "trained; not finite"


def test_weights_of_other_data_are_not_evaluated(study, monkeypatch):
    """Neither `bound` nor `sample` by hand takes them; where the data are not, nothing can tell."""
    trained = SimpleNamespace(provenance={"data_hash": "d" * 64})
    monkeypatch.setattr(model, "load_model", lambda *arguments: trained)
    job = model_job(study, argparse.Namespace(model="model", seed=0), likelihood_fingerprint)
    with pytest.raises(DataError, match="weights of model seed 0: their model was trained on other data"):
        job.trained(study.likelihood)
    manifest_path(study, "digits").unlink()
    assert job.trained(study.likelihood)[0] is trained
