import argparse
import json
from pathlib import Path

import numpy as np
import pytest

from ddpm.commands import data
from ddpm.data.splits import Splits
from ddpm.data.store import manifest_path, read_images, read_labels, read_manifest, write_dataset
from ddpm.errors import DataError, StudyError
from ddpm.study import load_study

FOLDER = Path("results/tiny/data/digits")


@pytest.fixture
def splits() -> Splits:
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, (30, 1, 8, 8), np.uint8)
    labels = rng.integers(0, 10, 30)
    return Splits(images[:20], labels[:20], images[20:], labels[20:])


@pytest.fixture
def written(study, splits):
    write_dataset(study, "digits", splits)
    return study


def test_arrays_come_back(written, splits):
    np.testing.assert_array_equal(read_images(written, "digits", "train"), splits.train_images)
    np.testing.assert_array_equal(read_images(written, "digits", "test"), splits.test_images)
    np.testing.assert_array_equal(read_labels(written, "digits", "train"), splits.train_labels)
    np.testing.assert_array_equal(read_labels(written, "digits", "test"), splits.test_labels)


def test_the_manifest_describes_them(written, splits):
    manifest = read_manifest(written, "digits")
    assert manifest["counts"] == {"train": 20, "test": 10}
    assert manifest["shape"] == [1, 8, 8]
    assert manifest["arrays"]["test_images"]["dtype"] == "uint8"
    assert manifest["arrays"]["test_labels"]["shape"] == [10]


def test_the_data_hash_follows_the_content(written, splits):
    before = read_manifest(written, "digits")["data_hash"]
    assert write_dataset(written, "digits", splits)["data_hash"] == before
    splits.test_labels[0] += 1
    assert write_dataset(written, "digits", splits)["data_hash"] != before


def test_a_missing_data_set_names_the_command(study):
    with pytest.raises(DataError, match=r"manifest\.json.*no such file.*ddpm data tiny\.yaml digits"):
        read_images(study, "digits", "train")


def test_a_missing_array_is_named(written):
    (FOLDER / "test.npy").unlink()
    with pytest.raises(DataError, match=r"test\.npy.*no such file.*ddpm data"):
        read_images(written, "digits", "test")


def test_a_truncated_array_is_refused(written):
    path = FOLDER / "train.npy"
    path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match=r"train\.npy.*truncated.*ddpm data"):
        read_images(written, "digits", "train")


@pytest.mark.parametrize(
    "array", [np.zeros((20, 1, 8, 9), np.uint8), np.zeros((20, 1, 8, 8), np.int64)], ids=["shape", "dtype"]
)
def test_another_shape_or_dtype_is_refused(written, array):
    np.save(FOLDER / "train.npy", array)
    with pytest.raises(DataError, match=r"train\.npy.*its manifest says uint8 \[20, 1, 8, 8\].*ddpm data"):
        read_images(written, "digits", "train")


def test_other_content_is_refused_where_verified(written, splits):
    np.save(FOLDER / "train.npy", 255 - splits.train_images)
    with pytest.raises(DataError, match=r"train\.npy.*SHA-256.*ddpm data"):
        read_images(written, "digits", "train")
    read_images(written, "digits", "train", verify=False)


def test_a_file_that_is_no_array_is_refused(written):
    (FOLDER / "test_labels.npy").write_bytes(b"x" * 1000)
    with pytest.raises(DataError, match=r"test_labels\.npy.*not a readable array"):
        read_labels(written, "digits", "test")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_a_damaged_manifest_is_refused(written, text):
    manifest_path(written, "digits").write_text(text)
    with pytest.raises(DataError, match=r"manifest\.json.*no readable manifest.*ddpm data"):
        read_manifest(written, "digits")


def test_an_edited_manifest_is_refused(written):
    path = manifest_path(written, "digits")
    manifest = json.loads(path.read_text())
    manifest["arrays"]["train_images"]["sha256"] = "0" * 64
    path.write_text(json.dumps(manifest))
    with pytest.raises(DataError, match="data_hash does not fit"):
        read_images(written, "digits", "train")


def test_data_of_other_settings_are_refused(written):
    Path("tiny.yaml").write_text(Path("tiny.yaml").read_text().replace("split_seed: 0", "split_seed: 1"))
    with pytest.raises(DataError, match=r"other settings than datasets\.digits"):
        read_manifest(load_study("tiny.yaml"), "digits")


def test_a_source_of_the_wrong_shape_writes_nothing(study, splits):
    with pytest.raises(DataError, match=r"datasets\.digits: the test images are uint8 \[10, 1, 8, 7\]"):
        write_dataset(study, "digits", splits._replace(test_images=splits.test_images[..., 1:]))
    with pytest.raises(DataError, match=r"train labels are int64 \[19\], not int64 \[20\]"):
        write_dataset(study, "digits", splits._replace(train_labels=splits.train_labels[1:]))
    assert not FOLDER.exists()


def test_an_unknown_data_set_is_named(study):
    with pytest.raises(StudyError, match=r"no data set is named 'digit' \(known: digits\)"):
        data.run(study, argparse.Namespace(dataset="digit"))


def test_the_command_writes_the_digits(study):
    data.run(study, argparse.Namespace(dataset="digits"))
    assert {path.name for path in FOLDER.iterdir()} == {
        "train.npy",
        "test.npy",
        "train_labels.npy",
        "test_labels.npy",
        "manifest.json",
    }
    assert read_manifest(study, "digits")["counts"] == {"train": 1297, "test": 500}
    assert np.bincount(read_labels(study, "digits", "test")).min() >= 48
