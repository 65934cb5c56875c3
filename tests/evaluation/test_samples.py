from pathlib import Path

import numpy as np
import pytest

from ddpm.errors import DataError
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.records.traced_files import read_arrays, read_provenance, write_arrays

N = 200
IMAGES = np.random.default_rng(0).integers(0, 256, (N, 1, 8, 8), np.uint8)
INDEX = np.arange(100, 200)


def alter(path: str, arrays: dict | None = None, **provenance) -> None:
    write_arrays(path, read_arrays(path) | (arrays or {}), read_provenance(path) | provenance)


def test_shards_are_joined_in_order(job, write_samples):
    columns = np.stack([IMAGES, 255 - IMAGES])
    assert len(write_samples(IMAGES, columns, non_finite=2)) == 2
    samples = job.samples()
    np.testing.assert_array_equal(samples.images, IMAGES)
    assert samples.about == {"status": "trained", "weights_hash": "w" * 64}
    assert samples.non_finite == 4
    assert samples.x0_hat is None
    samples = job.samples(progressive=True)
    np.testing.assert_array_equal(samples.x0_hat, columns)
    assert samples.reverse_steps.tolist() == [500, 1000]


@pytest.mark.parametrize(
    ("shard", "arrays", "provenance", "message"),
    [
        (1, {"index": np.where(INDEX == 150, 151, INDEX)}, {}, r"150 is missing or out of.*\(found 151\)"),
        (1, {"index": np.arange(100)}, {}, r"shard1\.npz.*index 100 is missing"),
        (0, {"index": np.arange(99)}, {}, r"shard0\.npz: index has shape \[99\] for 100 images"),
        (0, {"images": IMAGES[:100, :, :4]}, {}, r"shard0\.npz: images are uint8 \[100, 1, 4, 8\]"),
        (1, {}, {"settings": "000000000000"}, r"shard1\.npz: was made under other settings"),
        *(
            (1, {}, {key: "another"}, f"{key} is 'another'.*different models")
            for key in ("weights_hash", "data_hash", "status")
        ),
        (1, {"reverse_steps": np.array([400, 1000])}, {}, "other columns"),
    ],
)
def test_shards_that_do_not_fit_are_refused(job, write_samples, shard, arrays, provenance, message):
    alter(write_samples(IMAGES, np.stack([IMAGES, IMAGES]))[shard], arrays, **provenance)
    with pytest.raises(DataError, match=message):
        job.samples(progressive=True)


def test_a_missing_shard_names_the_command(job, write_samples):
    Path(write_samples(IMAGES)[1]).unlink()
    with pytest.raises(DataError, match=r"shard1\.npz: there is no such file; run `ddpm sample tiny\.yaml"):
        job.samples()


def test_a_damaged_shard_is_refused(job, write_samples):
    path = Path(write_samples(IMAGES)[0])
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match=r"shard0\.npz"):
        job.samples()


def test_too_few_images_are_refused(job, write_samples):
    write_samples(IMAGES[:-1])
    with pytest.raises(DataError, match="199 images in all, not 200"):
        job.samples()


def test_samples_that_do_not_exist_are_none(job, write_samples):
    write_samples(IMAGES[:0], status="diverged at step 7")
    samples = job.samples()
    assert (len(samples.images), samples.status) == (0, "diverged at step 7")


def test_the_settings_are_those_of_the_model(study):
    assert sampling_fingerprint(study, "model") != sampling_fingerprint(study, "other"), (
        "only one keeps x0-hat"
    )
