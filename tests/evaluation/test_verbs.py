"""The verbs `sample`, `bound` and `likelihood` on the digits: which images of which split, in which order."""

import argparse
import dataclasses

import numpy as np
import pytest
import torch

from ddpm.commands import bound, likelihood, sample
from ddpm.data.store import read_images
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.evaluation.bound_terms import bound_terms
from ddpm.evaluation.samples import read_samples
from ddpm.measurements import read_measurements
from ddpm.sampling.shards import draw_batch
from ddpm.study import layout
from ddpm.study.evaluation import LikelihoodSettings
from ddpm.traced_files import read_frame

COUNT, PER_SHARD, BATCH = 20, 6, 30


@dataclasses.dataclass
class Halving:
    """Stands for a trained network: answers half of what it sees."""

    image_shape = (1, 8, 8)

    def __call__(self, x, index):
        return 0.5 * x

    def provenance(self):
        return {}


@dataclasses.dataclass
class Trained:
    network: Halving
    process: GaussianDiffusion


@pytest.fixture
def trained(monkeypatch):
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 10), "epsilon", "fixed_large")
    made = Trained(Halving(), process)
    about = {"status": "trained", "data_hash": "d" * 64, "weights_hash": "w" * 64, "hardware": "a machine"}
    for verb in (bound, sample):
        opened = lambda study, model, seed, device, settings, result: (made, about | result)  # noqa: E731
        monkeypatch.setattr(verb, "open_trained_model", opened)
    return made


@pytest.fixture
def preview(study):
    settings = LikelihoodSettings(images=COUNT, images_per_shard=PER_SHARD, batch_size=BATCH)
    return study.model_copy(update={"likelihood": settings})


def run_bound(study, split):
    settings, paths = study.likelihood, []
    for shard in range(settings.shards(COUNT, 10)):
        arguments = argparse.Namespace(model="model", seed=0, split=split, shard=shard, device="cpu")
        bound.run(study, arguments)
        names = {"model": "model", "seed": 0, "split": split, "shard": shard}
        paths.append(layout.path(layout.BOUND_TERMS, study.name, **names))
    return paths


@pytest.mark.parametrize("split", ["train", "test"])
def test_bound_evaluates_the_images_of_its_split_as_they_are(preview, trained, split):
    images = torch.from_numpy(read_images(preview, "digits", split)[:COUNT])
    group = preview.likelihood.group_size(10)
    wanted = bound_terms(trained.process, trained.network, images, 0, group, BATCH, 0, "test")
    frames = [read_frame(path) for path in run_bound(preview, split)]
    assert len(frames) == 4
    assert [number for frame in frames for number in frame["image"]] == list(range(COUNT))
    for name in ("prior", "terms", "mse"):
        ours = np.concatenate([np.stack(frame[name].to_list()) for frame in frames])
        np.testing.assert_array_equal(ours, getattr(wanted, name))


def test_likelihood_gathers_the_terms_of_its_split(preview, trained):
    sizes = {split: len(read_images(preview, "digits", split)) for split in ("train", "test")}
    values = {}
    for split in ("train", "test"):
        paths = run_bound(preview, split)
        terms = np.concatenate([np.stack(read_frame(path)["terms"].to_list()) for path in paths])
        prior = np.concatenate([read_frame(path)["prior"] for path in paths])
        values[split] = float((prior + terms.sum(axis=1)).mean())
    assert values["train"] != values["test"]
    for split, value in values.items():
        likelihood.run(preview, argparse.Namespace(model="model", seed=0, split=split, device="cpu"))
        names = {"model": "model", "seed": 0, "split": split}
        rows = read_measurements([layout.path(layout.LIKELIHOOD_ROWS, preview.name, **names)])
        assert set(rows["split"]) == {split}
        assert float(rows.loc[rows["metric"] == "NLL", "value"].item()) == pytest.approx(value, rel=1e-5)
        assert rows["protocol"].str.contains(f"first {COUNT} of {sizes[split]:,} {split} images").all()


def test_sample_draws_every_index_once_with_its_own_noise(study, trained, monkeypatch):
    monkeypatch.setattr(sample, "keeps_progress", lambda study, model: False)
    for shard in range(study.sampling.shards):
        arguments = argparse.Namespace(model="model", seed=0, sampling=0, shard=shard, device="cpu")
        sample.run(study, arguments)
    images = read_samples(study, "model", 0, 0).images
    assert len({image.tobytes() for image in images}) == len(images) == study.sampling.images
    shape = trained.network.image_shape
    wanted, _ = draw_batch(trained.process, trained.network, shape, torch.arange(100, 150), 0, [])
    pixels = ((wanted.clamp(-1, 1) + 1) * 127.5).round().byte().numpy()
    np.testing.assert_array_equal(images[100:150], pixels)
