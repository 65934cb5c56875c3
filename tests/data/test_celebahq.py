"""CelebA-HQ: the same arrays from each form, and averages over boxes as the data set defines them."""

import gzip
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from large_images import smooth, write_faces
from PIL import Image

from ddpm.data.box import box_average
from ddpm.data.celebahq import load_celebahq
from ddpm.errors import DataError
from ddpm.study.datasets import CelebaHqSettings

FORMS = ("folder", "tar", "parquet")
FACES = [smooth(number, 16, 16) for number in range(5)]


def settings(path, **changes) -> CelebaHqSettings:
    return CelebaHqSettings(
        **{"source": "celebahq", "path": str(path), "images": 5, "image_size": 16} | changes
    )


def load(path, **changes) -> np.ndarray:
    splits = load_celebahq(settings(path, **changes))
    assert splits.test_images.shape == (0, 3, *splits.train_images.shape[2:])
    assert (splits.train_labels.tolist(), splits.test_labels.tolist()) == ([0] * 5, [])
    return np.stack(list(splits.train_images.images))


@pytest.mark.parametrize("form", FORMS)
def test_each_form_gives_the_same_arrays_in_the_same_order(tmp_path, form):
    images = load(write_faces(tmp_path, FACES, form))
    np.testing.assert_array_equal(images, [np.asarray(face).transpose(2, 0, 1) for face in FACES])


def test_one_file_of_parquet_whatever_its_name(tmp_path):
    folder = write_faces(tmp_path / "a", FACES, "parquet")
    Path(tmp_path, "faces").write_bytes(Path(folder, "train-9-of-10.parquet").read_bytes())
    assert load_celebahq(settings(tmp_path / "faces", images=2)).train_images.shape == (2, 3, 16, 16)


def test_1024_to_256(tmp_path):
    """Against a sum over 4x4 pixels in whole numbers, which stage by stage in float must equal."""
    pixels = np.random.default_rng(0).integers(0, 256, (1024, 1024, 3), np.uint8)
    pixels[:8, :4] = np.arange(8, dtype=np.uint8)[:, None, None] // 2 + 126
    path = write_faces(tmp_path, [Image.fromarray(pixels)] * 5, "folder")
    sums = pixels.reshape(256, 4, 256, 4, 3).astype(np.int64).sum(axis=(1, 3))
    whole, rest = np.divmod(sums, 16)
    expected = whole + ((rest > 8) | ((rest == 8) & (whole % 2 == 1)))
    images = load(path, image_size=256)
    np.testing.assert_array_equal(images[0].transpose(1, 2, 0), expected)
    assert (rest == 8).any()
    once = box_average(box_average(pixels, 1), 1)
    assert (once != expected).any(), "rounding between the stages is another thing"
    np.testing.assert_array_equal(box_average(pixels, 0), pixels)


@pytest.mark.parametrize("form", FORMS)
def test_another_number_of_images_is_told_before_any_is_read(tmp_path, form):
    path = write_faces(tmp_path, FACES, form)
    with pytest.raises(DataError, match="holds 5 images where `images` says 6; set `images: 5`"):
        load_celebahq(settings(path, images=6))


@pytest.mark.parametrize(
    ("form", "name"),
    [("folder", r"11\.png"), ("tar", r"data256x256/11\.png"), ("parquet", r"10-of-10\.parquet: row 1")],
)
def test_an_image_of_another_size_is_named(tmp_path, form, name):
    path = write_faces(tmp_path, [*FACES[:3], smooth(0, 48, 48), FACES[4]], form)
    with pytest.raises(DataError, match=rf"{name}: is 48x48 pixels, not 16x16 or 2, 4, 8"):
        load(path)


def test_a_damaged_image_is_named(tmp_path):
    path = Path(write_faces(tmp_path, FACES, "folder"))
    whole = (path / "10.png").read_bytes()
    for content, reason in ((whole[:60], ""), (b"", "it is empty"), (b"no image", "of no known format")):
        (path / "10.png").write_bytes(content)
        with pytest.raises(DataError, match=rf"10\.png: cannot be read as an image \(.*{reason}.*replace it"):
            load(path)
    deep = np.full((16, 16), 300, np.uint16)
    Image.fromarray(deep).save(path / "10.png")
    with pytest.raises(DataError, match=r"10\.png: has more than 8 bits"):
        load(path)


def spoiled(path: Path, kind: str) -> Path:
    """What is no data set: made at `path`."""
    if kind == "empty folder":
        path.mkdir()
    if kind == "compressed":
        path.write_bytes(gzip.compress(b"x" * 2000))
    if kind == "other":
        path.write_bytes(b"PK\x03\x04" + b"x" * 2000)
    if kind == "truncated":
        whole = Path(write_faces(path.parent / "whole", FACES, "tar")).read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
    if kind == "no images":
        pd.DataFrame({"picture": [b"x"]}).to_parquet(path)
    if kind == "damaged":
        path.write_bytes(b"PAR1" + b"x" * 2000)
    return path


@pytest.mark.parametrize(
    ("kind", "message"),
    [
        ("nothing", "no such file or folder"),
        ("empty folder", r"holds neither images nor \.parquet files"),
        ("compressed", "is compressed; unpack it"),
        ("other", r"is neither a \.tar nor a \.parquet file"),
        ("truncated", "cannot be read .*whole copy|images where"),
        ("no images", r"has no column `image` with `bytes` \(it has picture\)"),
        ("damaged", "cannot be read .*whole copy"),
    ],
)
def test_what_is_no_data_set_is_told(tmp_path, kind, message):
    path = spoiled(tmp_path / "faces", kind)
    with pytest.raises(DataError, match=f"faces: {message}"):
        load(path)
