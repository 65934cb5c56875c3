"""Others' samples in a model's place: read part by part, and never what they are not."""

import argparse
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ddpm.commands import sample
from ddpm.commands.arguments import require_trained
from ddpm.data.splits import ImageStream, Splits
from ddpm.data.store import write_dataset
from ddpm.errors import DataError, StudyError
from ddpm.evaluation.samples import read_samples
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.graph.run_files import sample_shards, weights_file
from ddpm.sampling.given import given_hash, given_shard
from ddpm.study import load_study

SHAPE = (3, 6, 6)
STUDY = """
title: Scored
datasets:
  own: {source: image_folder, train: train, test: test, image_size: 6}
models:
  theirs: {dataset: own, samples: theirs.npz, sampling: {batch_size: 3, batches_per_shard: 1}}
sampling: {images: 8}
"""


def images(count: int = 8) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 6, 6, 3), dtype=np.uint8)


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def channels_first(pixels: np.ndarray) -> np.ndarray:
    return pixels.transpose(0, 3, 1, 2)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
@pytest.mark.parametrize(("first", "last"), [(0, 8), (3, 6), (7, 8)])
def test_a_part_of_a_file(save, first, last):
    save("theirs.npz", images(), labels=np.arange(8))
    shard = given_shard("theirs.npz", SHAPE, first, last)
    assert (shard.images == channels_first(images())[first:last]).all()
    assert shard.image.tolist() == list(range(first, last))


def test_a_folder_in_order_of_names(tmp_path):
    (tmp_path / "pngs").mkdir()
    for number, pixels in enumerate(images(12)):
        Image.fromarray(pixels).save(tmp_path / "pngs" / f"{number:06}.png")
    assert (given_shard("pngs", SHAPE, 2, 12).images == channels_first(images(12))[2:]).all()
    before = given_hash("pngs")
    Image.fromarray(images()[0]).save(tmp_path / "pngs" / "000011.png")
    assert given_hash("pngs") != before


def test_grey_images_have_no_channels():
    np.savez("grey.npz", images()[..., 0])
    assert (given_shard("grey.npz", (1, 6, 6), 0, 8).images[:, 0] == images()[..., 0]).all()


def _truncated() -> None:
    np.savez("theirs.npz", images(2000))
    with open("theirs.npz", "r+b") as file:
        file.truncate(4000)


@pytest.mark.parametrize(
    ("write", "message"),
    [
        (lambda: None, r"theirs.npz: .*give an .npz file or a folder of PNG files"),
        (lambda: np.savez("theirs.npz", images(7)), r"theirs.npz: holds 7 images.* for 8 or more"),
        (lambda: np.savez("theirs.npz", images().astype(float)), r"theirs.npz: its array is float64"),
        (lambda: np.savez("theirs.npz", channels_first(images())), r"shape \[6, 3, 6\]"),
        (
            lambda: np.savez("theirs.npz", a=images(), b=images()),
            r"which of its arrays are the images \(a.npy, b",
        ),
        (_truncated, r"theirs.npz: not a readable .npz file"),
    ],
)
def test_what_is_no_set_of_samples_is_told(write, message):
    write()
    with pytest.raises(DataError, match=message):
        given_shard("theirs.npz", SHAPE, 0, 8)


@pytest.fixture
def study(tmp_path):
    (tmp_path / "study.yaml").write_text(STUDY)
    study = load_study("study.yaml")
    none = ImageStream((0, *SHAPE), iter(()))
    labels = np.zeros(0, np.int64)
    write_dataset(study, "own", Splits(none, labels, none, labels))
    return study


def test_shards_are_samples_like_any_others(study):
    np.savez("theirs.npz", images(9))
    for shard in range(3):
        words = {"model": "theirs", "seed": 0, "sampling": 0, "shard": shard, "png": Path("pngs")}
        sample.run(study, argparse.Namespace(**words))
    shards = sample_shards(study, "theirs", 0, 0)
    found = read_samples(shards, sampling_fingerprint(study, "theirs"), 8, SHAPE, "")
    assert (found.images == channels_first(images(9))[:8]).all()
    assert (given_shard("pngs", SHAPE, 0, 8).images == found.images).all()
    assert found.provenance["origin"] == "theirs.npz"
    assert found.provenance["weights_hash"] == given_hash("theirs.npz")


def test_there_are_no_weights(study):
    with pytest.raises(StudyError, match=r"models.theirs: others' samples"):
        weights_file(study, "theirs", 0)
    with pytest.raises(StudyError, match=r"theirs has others' samples \(theirs.npz\) and is not trained"):
        require_trained(study, "theirs")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "samples: theirs.npz",
            "samples: theirs.npz, pretrained: {file: w.npz}",
            "has `pretrained` weights too",
        ),
        ("samples: theirs.npz", "samples: theirs.npz, seeds: [0, 1]", "are one set of images"),
        (
            "sampling: {images: 8}",
            "artefacts: {figure5: {model: theirs}}",
            "figure5: theirs has others' samples",
        ),
        (
            "sampling: {images: 8}",
            "artefacts: {training_curves: {models: [theirs]}}",
            r"theirs is not trained \(`pretrained` or `samples`\)",
        ),
    ],
)
def test_what_asks_for_weights_is_refused(tmp_path, old, new, message):
    (tmp_path / "study.yaml").write_text(STUDY.replace(old, new))
    with pytest.raises(StudyError, match=message):
        load_study("study.yaml")
