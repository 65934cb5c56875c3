"""The verbs from trained weights to the likelihood: the right weights, images and split reach the files."""

import shutil
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

from ddpm.cli import main
from ddpm.data.scaling import to_model
from ddpm.data.store import read_images
from ddpm.diffusion.bound import bound_term, prior_term
from ddpm.graph import layout
from ddpm.model import build_diffusion, build_network
from ddpm.network.weights import load_weights, read_weights
from ddpm.random_numbers import Stream, normal
from ddpm.records.measurements import read_measurements
from ddpm.study import load_study
from ddpm.training.loop import Training

MODEL, STUDY, IMAGES = "epsilon_L_simple", "config/brief.yaml", 3
RUN = [STUDY, "--model", MODEL, "--threads", "1"]
NAMES = {"model": MODEL, "seed": 0}


def write_study() -> None:
    study = yaml.safe_load(Path("config/demo.yaml").read_text())
    study["defaults"]["network"] |= {"channels": 8, "groups": 4}
    study["defaults"]["training"] |= {"steps": 30, "batch_size": 16, "log_every": 10, "warmup_steps": 5}
    study["defaults"]["training"] |= {"ema_decay": 0.9, "ema_ramp": False, "save_every_minutes": 600}
    study["defaults"]["diffusion"] |= {"timesteps": 20}
    study["likelihood"] |= {"images": IMAGES}
    study["artefacts"] = {"table1": study["artefacts"]["table1"]}
    Path(STUDY).write_text(yaml.safe_dump(study))


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A folder with a trained model, its likelihood on both splits, and the training that made it."""
    folder = tmp_path_factory.mktemp("bound")
    shutil.copytree(Path(__file__).parents[2] / "config", folder / "config")
    made = []
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        run = Training.run
        patch.setattr(
            Training, "run", lambda training, *rest: (made.append(training), run(training, *rest))[1]
        )
        write_study()
        assert main(["data", STUDY, "digits"]) == 0
        assert main(["train", *RUN]) == 0
        for split in ("train", "test"):
            assert main(["bound", *RUN, "--split", split]) == 0
            assert main(["likelihood", *RUN[:3], "--split", split]) == 0
    return folder, made[0]


@pytest.fixture
def training(trained, monkeypatch) -> Training:
    folder, training = trained
    monkeypatch.chdir(folder)
    return training


def terms_of(split: str) -> pd.DataFrame:
    return pd.read_parquet(layout.path(layout.BOUND_TERMS, "brief", **NAMES, split=split, shard=0))


def test_the_weights_file_holds_the_average(training):
    state, _ = read_weights(layout.path(layout.WEIGHTS, "brief", **NAMES))
    average = training.parameters.views(training.average)
    assert all(torch.equal(state[name], tensor) for name, tensor in average.items())
    raw = dict(training.network.named_parameters())
    assert any(not torch.equal(state[name], tensor) for name, tensor in raw.items())


@pytest.mark.usefixtures("training")
@pytest.mark.parametrize("split", ["train", "test"])
def test_the_terms_are_of_the_splits_images_as_they_are(split):
    """Computed again one by one, from the images on disk and the weights' file."""
    study = load_study(STUDY)
    network, process = build_network(study, MODEL, seed=5), build_diffusion(study, MODEL)
    load_weights(layout.path(layout.WEIGHTS, "brief", **NAMES), network)
    network.eval().requires_grad_(False)
    frame = terms_of(split)
    assert frame["image"].tolist() == list(range(IMAGES))
    for i, pixels in enumerate(read_images(study, "digits", split)[:IMAGES]):
        x_0 = to_model(torch.from_numpy(pixels[None]))
        assert frame["prior"][i] == pytest.approx(float(prior_term(process, x_0)), rel=1e-4)
        for index in (0, 7, 19):
            t = torch.tensor([index])
            noise = normal(study.likelihood.seed, Stream.BOUND, torch.tensor([i]), index, x_0.shape[1:])
            x_t = process.q_sample(x_0, t, noise)
            step = process.reverse_step(network(x_t, t), x_t, t, clip=True)
            wanted = float(bound_term(process, x_0, x_t, t, step))
            assert frame["terms"][i][index] == pytest.approx(wanted, rel=1e-3), (i, index)
            error = float((step.x_0 - x_0).square().mean())
            assert frame["mse"][i][index] == pytest.approx(error, rel=1e-3), (i, index)


@pytest.mark.usefixtures("training")
def test_each_likelihood_is_of_its_own_split():
    values = {}
    for split in ("train", "test"):
        frame = terms_of(split)
        rows = read_measurements([layout.path(layout.LIKELIHOOD_ROWS, "brief", **NAMES, split=split)])
        assert set(rows["split"]) == {split}
        assert set(rows["n"]) == {IMAGES}
        [values[split]] = rows.loc[rows["metric"] == "NLL", "value"]
        wanted = np.mean(frame["prior"] + np.stack(frame["terms"]).sum(axis=1))
        assert values[split] == pytest.approx(wanted, rel=1e-5)
        curve = pd.read_parquet(layout.path(layout.RATE_DISTORTION, "brief", **NAMES, split=split))
        assert curve["rmse"].iloc[0] == pytest.approx(
            127.5 * np.mean([mse[0] for mse in frame["mse"]]) ** 0.5, rel=1e-5
        )
    assert values["train"] != values["test"]
