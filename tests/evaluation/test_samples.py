import numpy as np
import pytest

from ddpm.errors import DataError
from ddpm.evaluation.samples import read_samples
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.records.traced_files import read_arrays, read_provenance, write_arrays

N = 200
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 1, 8, 8), np.uint8)


def alter(path: str, arrays: dict | None = None, **provenance) -> None:
    write_arrays(path, read_arrays(path) | (arrays or {}), read_provenance(path) | provenance)


def test_shards_are_joined_in_order(study, write_samples):
    assert len(write_samples(IMAGES)) == 2
    samples = read_samples(study, "model", 0, 0)
    np.testing.assert_array_equal(samples.images, IMAGES)
    assert samples.status == "trained"
    assert samples.provenance["weights_hash"] == "w" * 64
    assert samples.x0_hat is None


def test_columns_of_x0_hat_are_joined(study, write_samples):
    columns = np.stack([IMAGES, 255 - IMAGES])
    write_samples(IMAGES, columns)
    samples = read_samples(study, "model", 0, 0, progressive=True)
    np.testing.assert_array_equal(samples.x0_hat, columns)
    assert samples.reverse_steps.tolist() == [500, 1000]


def test_a_missing_shard_names_the_command(study, write_samples, tmp_path):
    path = write_samples(IMAGES)[1]
    (tmp_path / path).unlink()
    with pytest.raises(
        DataError, match=r"shard1\.npz: there are no such samples; run `ddpm sample tiny\.yaml"
    ):
        read_samples(study, "model", 0, 0)


def test_a_gap_is_refused(study, write_samples):
    path = write_samples(IMAGES)[1]
    index = np.arange(100, 200)
    alter(path, {"index": np.where(index == 150, 151, index)})
    with pytest.raises(
        DataError, match=r"shard1\.npz.*index 150 is missing or out of its place \(found 151\)"
    ):
        read_samples(study, "model", 0, 0)


def test_shards_in_the_wrong_place_are_refused(study, write_samples):
    alter(write_samples(IMAGES)[1], {"index": np.arange(100)})
    with pytest.raises(DataError, match="index 100 is missing"):
        read_samples(study, "model", 0, 0)


def test_too_few_images_are_refused(study, write_samples):
    write_samples(IMAGES[:-1])
    with pytest.raises(DataError, match="199 images in all, not 200"):
        read_samples(study, "model", 0, 0)


def test_an_index_of_another_length_is_refused(study, write_samples):
    alter(write_samples(IMAGES)[0], {"index": np.arange(99)})
    with pytest.raises(DataError, match=r"shard0\.npz: index has shape \[99\] for 100 images"):
        read_samples(study, "model", 0, 0)


def test_images_of_another_shape_are_refused(study, write_samples):
    alter(write_samples(IMAGES)[0], {"images": IMAGES[:100, :, :4]})
    with pytest.raises(DataError, match=r"shard0\.npz: images are uint8 \[100, 1, 4, 8\]"):
        read_samples(study, "model", 0, 0)


def test_a_damaged_shard_is_refused(study, write_samples, tmp_path):
    path = tmp_path / write_samples(IMAGES)[0]
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"shard0\.npz"):
        read_samples(study, "model", 0, 0)


def test_samples_of_other_settings_are_refused(study, write_samples):
    alter(write_samples(IMAGES)[1], settings="000000000000")
    with pytest.raises(DataError, match=r"shard1\.npz: was drawn under other settings"):
        read_samples(study, "model", 0, 0)


@pytest.mark.parametrize("key", ["weights_hash", "data_hash", "status"])
def test_shards_of_different_models_are_refused(study, write_samples, key):
    alter(write_samples(IMAGES)[1], **{key: "another"})
    with pytest.raises(DataError, match=f"{key} is 'another'.*different models"):
        read_samples(study, "model", 0, 0)


def test_columns_that_differ_between_shards_are_refused(study, write_samples):
    path = write_samples(IMAGES, np.stack([IMAGES, IMAGES]))[1]
    alter(path, {"reverse_steps": np.array([400, 1000])})
    with pytest.raises(DataError, match="other columns"):
        read_samples(study, "model", 0, 0, progressive=True)


def test_samples_that_do_not_exist_are_none(study, write_samples):
    write_samples(IMAGES[:0], status="diverged at step 7")
    samples = read_samples(study, "model", 0, 0)
    assert (len(samples.images), samples.status) == (0, "diverged at step 7")


def test_non_finite_samples_are_counted_over_the_shards(study, write_samples):
    write_samples(IMAGES, non_finite=2)
    assert read_samples(study, "model", 0, 0).non_finite == 4


def test_the_settings_are_those_of_the_model(study):
    assert sampling_fingerprint(study, "model") != sampling_fingerprint(study, "other"), (
        "only one keeps x0-hat"
    )
