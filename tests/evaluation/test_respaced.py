"""The verb that measures samples in fewer steps, which keeps none of them."""

import argparse
from pathlib import Path

import pytest
import torch

from ddpm.cli import main
from ddpm.commands import quality, sample
from ddpm.data.store import read_manifest
from ddpm.graph import layout
from ddpm.graph.fingerprint import respaced_fingerprint, training_fingerprint
from ddpm.model import build_network
from ddpm.network.weights import save_weights
from ddpm.records.measurements import read_measurements
from ddpm.study import load_study

RUN = ["respaced", "tiny.yaml", "--model", "model", "--threads", "1"]
ROWS = "results/tiny/measurements/respaced/model/seed0/steps3.fixed_small.parquet"


@pytest.fixture
def weights(study):
    """Writes random weights, as if trained; keywords replace parts of the provenance."""

    def write(**provenance):
        network = build_network(study, "model", seed=0)
        with torch.no_grad():
            for parameter in network.parameters():
                parameter.add_(0.05)
        about = {
            "status": "trained",
            "settings": training_fingerprint(study, "model"),
            "data_hash": read_manifest(study, "digits")["data_hash"],
        }
        path = layout.path(layout.WEIGHTS, "tiny", model="model", seed=0)
        path.parent.mkdir(parents=True, exist_ok=True)
        save_weights(path, network.state_dict(), about | provenance)

    return write


def test_its_numbers_are_those_of_a_study_that_samples_so(study, weights):
    weights()
    assert main([*RUN, "--steps", "3", "--variance", "fixed_small"]) == 0
    rows = read_measurements([ROWS])
    assert rows.metric.tolist() == ["IS", "FID"]
    assert set(rows.n) == {200}
    assert set(rows.sampling_seed) == {0}
    assert set(rows.settings) == {respaced_fingerprint(study, "model")}
    note = "; sampled in 3 of 1,000 steps; sampled with variance fixed_small"
    assert rows.protocol.str.endswith(note).all()
    assert not Path("results/tiny/samples").exists()
    # The same samples, drawn and measured as those of a study whose settings ask for them.
    sampling = study.sampling.model_copy(update={"steps": 3, "variance": "fixed_small"})
    other = study.model_copy(update={"sampling": sampling})
    run = argparse.Namespace(model="model", seed=0, sampling=0, device="cpu", shard=0, png=None)
    for shard in range(2):
        run.shard = shard
        sample.run(other, run)
    quality.run(other, run)
    path = layout.path(layout.QUALITY_ROWS, "tiny", model="model", seed=0, sampling=0)
    same = read_measurements([path])
    assert same.protocol.str.endswith(note).all()
    for metric in ("IS", "FID"):
        first = same[same.metric == metric].iloc[0]
        assert rows[rows.metric == metric].value.item() == first.value
    assert set(rows.weights_hash) == set(same.weights_hash)


def test_a_diverged_model_has_rows_without_values(weights):
    weights(status="diverged at step 7")
    assert main([*RUN, "--steps", "3", "--variance", "fixed_small"]) == 0
    rows = read_measurements([ROWS])
    assert rows.value.isna().all()
    assert set(rows.n) == {0}
    assert set(rows.status) == {"diverged at step 7"}


@pytest.mark.parametrize("steps", ["0", "1001"])
@pytest.mark.usefixtures("study")
def test_impossible_steps_are_refused_before_any_work(steps, capsys):
    assert main([*RUN, "--steps", steps, "--variance", "fixed_large"]) == 2
    assert f"--steps {steps}: tiny.yaml: model has T = 1000; give 1 to 1000" in capsys.readouterr().err


@pytest.mark.usefixtures("study")
def test_a_learned_variance_is_refused(capsys):
    text = Path("tiny.yaml").read_text()
    Path("tiny.yaml").write_text(
        text.replace("model: {}", "model: {diffusion: {variance: learned, loss: kl}}", 1)
    )
    assert load_study("tiny.yaml").model("model").diffusion.variance == "learned"
    assert main([*RUN, "--steps", "10", "--variance", "fixed_small"]) == 2
    told = capsys.readouterr().err
    assert "tiny.yaml: model learned its variance" in told
    assert "give a --model with a fixed variance" in told
