import argparse
import json
import os
from pathlib import Path

import numpy as np
import pytest

from ddpm.commands import data
from ddpm.data import arrays
from ddpm.data.arrays import content_hash
from ddpm.data.splits import ImageStream, Splits
from ddpm.data.store import manifest_path, read_images, read_labels, read_manifest, write_dataset
from ddpm.errors import DataError, OutputError, StudyError
from ddpm.study import load_study

FOLDER = Path("results/tiny/data/digits")


@pytest.fixture
def splits() -> Splits:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 1, 8, 8), np.uint8)
    labels = rng.integers(0, 10, 30)
    return Splits(images[:20], labels[:20], images[20:], labels[20:])


@pytest.fixture
def mapped(monkeypatch):
    """No array is so small that it is read into memory."""
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", 0)


@pytest.fixture(params=["in memory", "mapped"])
def written(request, study, splits):
    if request.param == "mapped":
        request.getfixturevalue("mapped")
    write_dataset(study, "digits", splits)
    return study


def stream(images):
    """Images that are made one by one; None stands for one that cannot be read."""

    def made():
        for image in images:
            if image is None:
                raise DataError("damaged.png")
            yield np.asfortranarray(image)

    return ImageStream((len(images), 1, 8, 8), made())


def test_arrays_come_back_as_the_manifest_describes_them(written, splits):
    for split in ("train", "test"):
        images, labels = getattr(splits, f"{split}_images"), getattr(splits, f"{split}_labels")
        np.testing.assert_array_equal(read_images(written, "digits", split), images)
        np.testing.assert_array_equal(read_labels(written, "digits", split), labels)
    manifest = read_manifest(written, "digits")
    assert manifest["counts"] == {"train": 20, "test": 10}
    assert manifest["shape"] == [1, 8, 8]
    assert manifest["arrays"]["test_images"]["dtype"] == "uint8"
    assert manifest["arrays"]["test_labels"]["shape"] == [10]
    assert write_dataset(written, "digits", splits) == manifest
    splits.test_labels[0] += 1
    assert write_dataset(written, "digits", splits)["data_hash"] != manifest["data_hash"]


def saved(array):
    return lambda path: np.save(path, array)


DAMAGE = {
    "missing": (Path.unlink, "no such file"),
    "truncated": (lambda path: path.write_bytes(path.read_bytes()[:-1]), "truncated"),
    "no array": (lambda path: path.write_bytes(b"x" * 10_000), "not a readable array"),
    "shape": (saved(np.zeros((20, 1, 8, 9), np.uint8)), r"its manifest says uint8 \[20, 1, 8, 8\]"),
    "dtype": (saved(np.zeros((20, 1, 8, 8), np.int64)), r"its manifest says uint8 \[20, 1, 8, 8\]"),
    "content": (saved(np.zeros((20, 1, 8, 8), np.uint8)), "SHA-256"),
}


@pytest.mark.parametrize("what", DAMAGE)
def test_a_damaged_array_is_refused(written, what):
    damage, message = DAMAGE[what]
    damage(FOLDER / "train.npy")
    for _ in range(2):
        with pytest.raises(DataError, match=rf"train\.npy.*{message}.*ddpm data"):
            read_images(written, "digits", "train")


def test_a_large_array_is_mapped_and_hashed_once(study, splits, mapped, monkeypatch):
    write_dataset(study, "digits", splits)
    hashed, sha256 = [], arrays.sha256
    monkeypatch.setattr(arrays, "sha256", lambda path: hashed.append(path) or sha256(path))
    images = read_images(study, "digits", "train")
    assert isinstance(images, np.memmap)
    assert not images.flags.writeable
    assert content_hash(images) == read_manifest(study, "digits")["arrays"]["train_images"]["sha256"]
    one = content_hash(splits.train_images)
    others = [images[:20], np.array(images), images[1:], images[[0, 1]]]
    assert [content_hash(other) == one for other in others] == [True, True, False, False]
    assert hashed == []
    train, test = FOLDER / "train.npy", FOLDER / "test.npy"
    os.utime(train, ns=(0, 0))
    status = test.stat()
    test.write_bytes(test.rename("old").read_bytes())
    os.utime(test, ns=(status.st_atime_ns, status.st_mtime_ns))
    for split in ("train", "train", "test", "test"):
        read_images(study, "digits", split)
    assert hashed == [train, test]


@pytest.mark.parametrize("record", [None, "{", "[]", "{}"])
def test_a_hash_without_a_sound_record(study, splits, mapped, record, monkeypatch):
    write_dataset(study, "digits", splits)
    path = FOLDER / "train.npy.sha256.json"
    path.unlink() if record is None else path.write_text(record)

    def denied(path, text):
        raise OutputError(f"{path}: cannot be written")

    with monkeypatch.context() as read_only:
        read_only.setattr(arrays, "write_text", denied)
        np.testing.assert_array_equal(read_images(study, "digits", "train"), splits.train_images)
    read_images(study, "digits", "train")
    assert "sha256" in json.loads(path.read_text())


def test_images_one_by_one_are_the_same_files_or_none(written, splits):
    train, test = stream(splits.train_images), stream(splits.test_images)
    streams = splits._replace(train_images=train, test_images=test)
    assert write_dataset(written, "digits", streams) == write_dataset(written, "digits", splits)
    before = {path: path.read_bytes() for path in FOLDER.iterdir()}
    changed = splits._replace(train_images=255 - splits.train_images)
    for last, error in ((None, DataError), (np.zeros((8, 8), np.uint8), ValueError)):
        images = stream([*splits.test_images[:9], last])
        with pytest.raises(error, match=r"damaged|a source's image is uint8 \(8, 8\)"):
            write_dataset(written, "digits", changed._replace(test_images=images))
    assert {path: path.read_bytes() for path in FOLDER.iterdir()} == before


@pytest.mark.parametrize("text", [None, "{", "[]", "{}"])
def test_a_missing_or_damaged_manifest(study, text):
    if text is not None:
        FOLDER.mkdir(parents=True)
        manifest_path(study, "digits").write_text(text)
    message = r"manifest\.json.*no readable manifest" + r".*no such file" * (text is None)
    with pytest.raises(DataError, match=message + r".*ddpm data tiny\.yaml digits"):
        read_images(study, "digits", "train")


def test_an_edited_manifest_or_other_settings(written):
    path = manifest_path(written, "digits")
    manifest = json.loads(path.read_text())
    manifest["arrays"]["train_images"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="data_hash does not fit"):
        read_images(written, "digits", "train")
    Path("tiny.yaml").write_text(Path("tiny.yaml").read_text().replace("split_seed: 0", "split_seed: 1"))
    with pytest.raises(DataError, match=r"other settings than datasets\.digits"):
        read_manifest(load_study("tiny.yaml"), "digits")


def test_a_source_of_the_wrong_shape_writes_nothing(study, splits):
    with pytest.raises(DataError, match=r"datasets\.digits: the test images are uint8 \[10, 1, 8, 7\]"):
        write_dataset(study, "digits", splits._replace(test_images=splits.test_images[..., 1:]))
    with pytest.raises(DataError, match=r"train labels are int64 \[19\], not int64 \[20\]"):
        write_dataset(study, "digits", splits._replace(train_labels=splits.train_labels[1:]))
    assert not FOLDER.exists()


def test_the_command(study):
    with pytest.raises(StudyError, match=r"no data set is named 'digit' \(known: digits\)"):
        data.run(study, argparse.Namespace(dataset="digit"))
    data.run(study, argparse.Namespace(dataset="digits"))
    names = {"train.npy", "test.npy", "train_labels.npy", "test_labels.npy", "manifest.json"}
    assert {path.name for path in FOLDER.iterdir()} == names
    assert read_manifest(study, "digits")["counts"] == {"train": 1297, "test": 500}
    assert np.bincount(read_labels(study, "digits", "test")).min() >= 48
