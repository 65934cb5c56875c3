"""Precision as a setting: what it changes in files, and how little in images."""

import json
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import yaml

from ddpm.cli import main
from ddpm.graph import layout
from ddpm.network.execution import PRECISIONS
from ddpm.network.weights import read_weights
from ddpm.study.base import Precision

pytestmark = pytest.mark.slow

MODEL, STUDY = "epsilon_L_simple", "config/precise.yaml"
RUN = ["--model", MODEL, "--threads", "1"]


def write(**precisions: str) -> None:
    """A study of a second's training with these precisions of training, sampling and the likelihood."""
    study = yaml.safe_load(Path("config/demo.yaml").read_text())
    study["defaults"]["network"] |= {"channels": 8, "groups": 4}
    brief = {"steps": 60, "batch_size": 16, "log_every": 20, "warmup_steps": 5}
    study["defaults"]["training"] |= brief
    study["defaults"]["training"]["precision"] = precisions.get("training", "float32")
    study["sampling"] |= {"images": 6, "batch_size": 6, "precision": precisions.get("sampling", "float32")}
    study["likelihood"] |= {"images": 3, "precision": precisions.get("likelihood", "float32")}
    study["artefacts"] = {"table1": study["artefacts"]["table1"]}
    Path(STUDY).write_text(yaml.safe_dump(study))


@pytest.fixture
def trained(project):
    write()
    assert main(["data", STUDY, "digits"]) == 0
    assert main(["train", STUDY, *RUN]) == 0


def samples() -> tuple[np.ndarray, dict]:
    assert main(["sample", STUDY, *RUN]) == 0
    path = layout.path(layout.SAMPLES, "precise", model=MODEL, seed=0, sampling=0, shard=0)
    with np.load(path) as arrays:
        return arrays["images"].astype(int), json.loads(str(arrays["provenance"]))


def bound() -> np.ndarray:
    assert main(["bound", STUDY, *RUN]) == 0
    path = layout.path(layout.BOUND_TERMS, "precise", model=MODEL, seed=0, split="test", shard=0)
    return np.stack(pd.read_parquet(path)["terms"])


@pytest.mark.usefixtures("trained")
def test_samples_and_the_bound_in_bfloat16_are_near_those_in_float32():
    (exact, before), terms = samples(), bound()
    write(sampling="bfloat16", likelihood="bfloat16")
    (rounded, after), other_terms = samples(), bound()
    assert (before["execution"], after["execution"]) == ("float32", "bfloat16")
    assert before["weights_hash"] == after["weights_hash"]
    assert 0 < np.abs(exact - rounded).mean() < 4  # grey levels
    assert not np.array_equal(terms, other_terms)
    assert other_terms.sum(axis=1) == pytest.approx(terms.sum(axis=1), rel=2e-3)


@pytest.mark.usefixtures("trained")
def test_training_in_another_precision_is_another_run(capsys):
    write(training="bfloat16")
    assert main(["train", STUDY, *RUN]) == 0
    assert "a run of other settings or data, or an earlier one, now lies in" in capsys.readouterr().err
    _, provenance = read_weights(layout.path(layout.WEIGHTS, "precise", model=MODEL, seed=0))
    assert provenance["execution"] == "bfloat16"


def test_the_settings_are_those_that_the_network_knows():
    assert get_args(get_args(Precision)[0]) == PRECISIONS
