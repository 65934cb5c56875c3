"""`ddpm export`: diffusers computes the same from the folder, or the verb says why it cannot; and `--png`."""

import json
import os
import re
import shutil
import tomllib
from pathlib import Path

import numpy as np
import pytest
import torch
import yaml
from PIL import Image

import ddpm
from ddpm.cli import main
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.evaluation.torchvision_import import prepare_torchvision
from ddpm.export.pipeline import DIFFUSERS_VERSION, scheduler_config
from ddpm.graph.fingerprint import quality_fingerprint
from ddpm.model import diffusion_of
from ddpm.network.weights import read_weights, weights_hash
from ddpm.random_numbers import Stream, normal
from ddpm.records.measurements import Measurement, write_measurements
from ddpm.records.traced_files import read_arrays
from ddpm.study import load_study
from ddpm.study.models import DiffusionSettings

STUDY, RUN = "config/leaving.yaml", ["config/leaving.yaml", "--model", "simple"]
WEIGHTS = "results/leaving/models/simple/seed0/weights.safetensors"
ROOT = Path(__file__).parents[2]


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("folder")
def test_diffusers_loads_the_folder_and_it_comes_back():
    prepare_torchvision()
    from diffusers import DDPMPipeline

    assert main(["export", *RUN, "--to", "out/model"]) == 0
    assert os.listdir("out") == ["model"]
    pipeline = DDPMPipeline.from_pretrained("out/model")
    model = ddpm.load("results/leaving", "simple")
    x, t = torch.randn(3, 1, 8, 8, generator=torch.Generator().manual_seed(1)), torch.tensor([0, 4, 9])
    with torch.no_grad():
        ours, theirs = model._network(x, t), pipeline.unet(x, t).sample
    assert (ours - theirs).abs().max() / ours.abs().max() < 1e-6
    assert_same_steps(pipeline.scheduler, model._diffusion, ours[:1])
    # Back through `pretrained`, and without a study.
    settings = yaml.safe_load(Path(STUDY).read_text())
    settings["models"] = {"back": {"pretrained": {"file": "out/model", "averaged": True}}}
    Path("config/back.yaml").write_text(yaml.safe_dump(settings))
    assert main(["pretrained", "config/back.yaml", "--model", "back"]) == 0
    state, about = read_weights("results/back/models/back/seed0/imported.safetensors")
    assert weights_hash(state) == read_weights(WEIGHTS)[1]["weights_hash"]
    assert about["layout"] == "diffusers"
    images = model.sample(3)
    assert (ddpm.load("results/back", "back").sample(3) == images).all()
    assert (ddpm.load("out/model").sample(3, batch_size=8) == images).all()


@pytest.mark.usefixtures("folder")
def test_the_same_noise_gives_the_same_images(monkeypatch):
    """The pipeline's whole run, with the noise that the workflow draws its samples from."""
    prepare_torchvision()
    from diffusers import DDPMPipeline
    from diffusers.pipelines.ddpm import pipeline_ddpm
    from diffusers.schedulers import scheduling_ddpm

    assert main(["export", *RUN, "--to", "out"]) == 0
    # x_T, then the noise of each step but the last.
    steps = iter(range(10, 0, -1))

    def noise(shape: tuple[int, ...], **_: object) -> torch.Tensor:
        return normal(0, Stream.SAMPLING, torch.arange(shape[0]), next(steps), tuple(shape[1:]))

    for module in (pipeline_ddpm, scheduling_ddpm):
        monkeypatch.setattr(module, "randn_tensor", noise)
    pipeline = DDPMPipeline.from_pretrained("out")
    theirs = 255 * pipeline(batch_size=3, num_inference_steps=10, output_type="np").images
    assert next(steps, None) is None
    ours = ddpm.load("results/leaving", "simple").sample(3, seed=0)
    # To the rounding of pixels; images of other noise are far away.
    assert np.abs(theirs.transpose(0, 3, 1, 2) - ours).max() < 0.51
    assert np.abs(theirs.transpose(0, 3, 1, 2)[::-1] - ours).max() > 50


def assert_same_steps(scheduler, diffusion: GaussianDiffusion, output: torch.Tensor, within=1e-6) -> None:
    """Steps from the same x_t, output of the network and noise; images are of size 1."""
    timesteps = diffusion.timesteps
    scheduler.set_timesteps(timesteps)
    x = torch.randn(output.shape, generator=torch.Generator().manual_seed(2))
    for t in (0, 1, timesteps // 2, timesteps - 1):
        noise = torch.randn(output.shape, generator=torch.Generator().manual_seed(3))
        theirs = scheduler.step(output, t, x, generator=torch.Generator().manual_seed(3)).prev_sample
        step = diffusion.reverse_step(output, x, torch.tensor([t]), clip=True)
        ours = step.mean + (torch.exp(0.5 * step.log_variance) * noise if t else 0)
        assert (ours - theirs).abs().max() < within, t


@pytest.mark.parametrize(
    "settings",
    [
        {"timesteps": 1000},
        {"timesteps": 1000, "variance": "fixed_small", "schedule": "quadratic"},
        {"timesteps": 10, "prediction": "x0", "schedule": "constant"},
        {"timesteps": 20, "variance": "fixed_small", "schedule": "warmup50"},
        {"timesteps": 10, "prediction": "x0", "schedule": "jsd"},
    ],
)
def test_steps_of_the_scheduler(settings):
    prepare_torchvision()
    from diffusers import DDPMScheduler

    settings = DiffusionSettings(**settings)
    output = torch.randn(1, 1, 4, 4, generator=torch.Generator().manual_seed(4))
    scheduler = DDPMScheduler.from_config(json.loads(json.dumps(scheduler_config(settings))))
    # diffusers has alpha-bar in float32: its rounding shows where 1 - alpha-bar is small. All else agrees.
    assert_same_steps(scheduler, diffusion_of(settings), output, 1e-4)
    scheduler.alphas_cumprod = torch.cumprod(1 - scheduler.betas.double(), dim=0)
    assert_same_steps(scheduler, diffusion_of(settings), output)


@pytest.mark.usefixtures("folder")
def test_what_cannot_be_exported_is_refused_and_nothing_is_lost(capsys, monkeypatch):
    # None of these is trained: the reason is told before weights are asked for.
    for model, reason in (
        ("mu_tilde", "has no prediction of mu-tilde; export a model with `prediction: epsilon`"),
        ("learned", "a learned variance is the log-variance itself here"),
        ("wide", "the first level is 2 times as wide as the first convolution"),
    ):
        assert main(["export", STUDY, "--model", model, "--to", "out"]) == 2
        assert f"models.{model} cannot be exported: " in (told := capsys.readouterr().err)
        assert reason in told
    Path("full").mkdir()
    Path("full/mine.txt").write_text("mine")
    Path("file").write_text("mine")
    for to, reason in (
        ("full", "full: is not empty; choose another --to"),
        ("file", "is there and no folder"),
    ):
        assert main(["export", *RUN, "--to", to]) == 2
        assert reason in capsys.readouterr().err
    assert files(Path("full")) == {"mine.txt": b"mine"}
    Path("empty").mkdir()

    def fails(*words: object, **named: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("safetensors.torch.save_file", fails)
        assert main(["export", *RUN, "--to", "empty"]) == 2
    assert "empty: cannot be written" in capsys.readouterr().err
    assert {path.name for path in Path().iterdir()} == {"config", "results", "full", "file", "empty"}
    assert main(["export", *RUN, "--to", "empty"]) == 0


@pytest.mark.usefixtures("folder")
def test_the_model_card_says_what_was_measured():
    study = load_study(STUDY)
    about = {
        "study": "leaving",
        "model": "simple",
        "training_seed": 0,
        "sampling_seed": 0,
        "status": "trained",
        "git_commit": "c",
        "hardware": "h",
        "weights_hash": read_weights(WEIGHTS)[1]["weights_hash"],
        "settings": quality_fingerprint(study, "simple"),
    }
    score = {"metric": "FID", "split": "train", "n": 12, "protocol": "against 1297 train images"}
    rows = [Measurement(**about, **score, value=12.34)]
    stale = [Measurement(**about | {"weights_hash": "other"}, **score, value=99.9)]
    path = "results/leaving/measurements/quality/simple/seed0/sampling0.parquet"
    write_measurements(path, rows + stale)
    assert main(["export", *RUN, "--to", "out"]) == 0
    card = Path("out/README.md").read_text()
    assert yaml.safe_load(card.split("---")[1])["library_name"] == "diffusers"
    for line in (
        "| FID | train | 12.34 | 12 | 0 |",
        "- FID (train): against 1297 train images",
        "NLL (test): bound of all 10 terms",
        "1,297 training and 500 test images",
        "num_inference_steps=10",
        "- training seed: 0",
        "- FID of 12 samples is biased upwards",
        "not of Inception's",
        "diffusion: {timesteps: 10,",
        f"- weights: {about['weights_hash']}",
    ):
        assert line in card
    # A bound on it, and so written.
    assert re.search(r"\| NLL \| test \| <= [\d.]+( ± [\d.]+)? bits/dim \|", card)
    assert "99.9" not in card


def test_the_version_of_diffusers_is_the_tested_one():
    assert f"diffusers=={DIFFUSERS_VERSION}" in (ROOT / "envs/development.txt").read_text().splitlines()
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert not any(name.startswith("diffusers") for name in project["dependencies"])


@pytest.mark.usefixtures("folder")
def test_samples_as_png(capsys):
    """The images of the shards, by their numbers; nothing is overwritten, and a refusal comes first."""
    shard = Path("results/leaving/samples/simple/seed0/sampling0/shard0.npz")
    for number in "01":
        assert main(["sample", *RUN, "--shard", number, "--png", "images"]) == 0
    assert sorted(os.listdir("images")) == [f"{number:06}.png" for number in range(12)]
    read = np.stack([np.asarray(Image.open(f"images/{number:06}.png")) for number in range(8)])
    assert (read[:, None] == read_arrays(shard, "images")["images"]).all()
    capsys.readouterr()
    shutil.rmtree(shard.parent)
    assert main(["sample", *RUN, "--png", "images"]) == 2
    assert "images/000000.png: is there already and 7 more of its names" in capsys.readouterr().err
    assert not shard.exists()
    assert main(["sample", *RUN, "--png", "config/leaving.yaml"]) == 2
    assert "is there and no folder; choose another --png" in capsys.readouterr().err
