from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from ddpm.data.image_folder import central_square
from ddpm.data.splits import Splits, load_source
from ddpm.errors import DataError
from ddpm.study.datasets import ImageFolderSettings, count_images

SIZE = 8


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    count_images.cache_clear()


def save(path: str, pixels: np.ndarray, **options) -> np.ndarray:
    """Writes an image of uint8 [H, W] or [H, W, C]; returns its pixels as [C, H, W]."""
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path, **options)
    return pixels[None] if pixels.ndim == 2 else pixels.transpose(2, 0, 1)


def noise(seed: int, height: int = SIZE, width: int = SIZE, channels: int = 3) -> np.ndarray:
    shape = (height, width, channels) if channels > 1 else (height, width)
    return np.random.default_rng(seed).integers(0, 256, shape, np.uint8)


def load(**changes) -> Splits:
    """The splits, all images read."""
    values = {"train": "train", "test": "test", "image_size": SIZE} | changes
    splits = load_source(ImageFolderSettings(source="image_folder", **values))
    train, test = (np.stack(list(stream.images)) for stream in (splits.train_images, splits.test_images))
    assert (train.shape, test.shape) == (splits.train_images.shape, splits.test_images.shape)
    return splits._replace(train_images=train, test_images=test)


def only(path: str = "test/a.png", **changes) -> np.ndarray:
    """The one test image, beside some training image of its channels."""
    save("train/x.png", noise(9, channels=changes.get("channels", 3)))
    return load(**changes).test_images[0]


def test_folders_are_classes_and_files_are_sorted_by_path():
    files = ["dog/b.png", "cat/z.png", "cat/deep/a.bmp", "dog/a.PNG", "cat-tail/m.png"]
    images = {name: save(f"train/{name}", noise(seed)) for seed, name in enumerate(files)}
    shown = save("test/dog/only.png", noise(8))
    Path("train/dog/notes.txt").write_text("no image")
    Path("train/empty").mkdir()
    splits = load()
    order = ["cat/deep/a.bmp", "cat/z.png", "cat-tail/m.png", "dog/a.PNG", "dog/b.png"]
    np.testing.assert_array_equal(splits.train_images, [images[name] for name in order])
    np.testing.assert_array_equal(splits.train_labels, [0, 0, 1, 2, 2])
    np.testing.assert_array_equal(splits.test_images, [shown])
    np.testing.assert_array_equal(splits.test_labels, [2])
    assert [array.dtype for array in splits] == [np.uint8, np.int64, np.uint8, np.int64]
    settings = ImageFolderSettings(source="image_folder", train="train", test="test", image_size=SIZE)
    assert settings.split_sizes == {"train": len(splits.train_images), "test": len(splits.test_images)}


def test_without_folders_there_are_no_classes():
    for seed, name in enumerate("ba"):
        save(f"train/{name}.png", noise(seed))
    save("test/c.png", noise(2))
    splits = load()
    np.testing.assert_array_equal(splits.train_images[0], noise(1).transpose(2, 0, 1))
    assert splits.train_labels.tolist() == [0, 0]
    assert splits.test_labels.tolist() == [0]


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ("train/x/a.png test/y/b.png", r"test/y/b.png: belongs to no class of the training images \(x\)"),
        ("train/x/a.png test/b.png", r"test/b.png: belongs to no class of the training images \(x\)"),
        ("train/a.png test/y/b.png", r"test/y/b.png: belongs to no class .*they have none.*arrange both"),
        ("train/x/a.png train/b.png test/x/c.png", r"train/b\.png: lies beside folders of images"),
        ("train/a.png test/b.txt", r"^test: no images there .*set `test` to a folder of images"),
        ("test/a.png", r"^train: no images there .*set `train`"),
    ],
)
def test_folders_that_do_not_fit(files, message):
    for seed, name in enumerate(files.split()):
        save(name, noise(seed), format="png")
    with pytest.raises(DataError, match=message):
        load()


def test_another_size_is_refused_or_cropped():
    save("test/a.png", noise(0))
    save("test/b.png", noise(1, height=SIZE, width=SIZE + 4))
    save("test/c.png", noise(2, height=SIZE + 1, width=SIZE))
    with pytest.raises(DataError, match=r"test/b\.png: is 12x8 pixels, not 8x8; .*`fit: crop`"):
        only()
    save("train/x.png", noise(9))
    images = load(fit="crop").test_images
    np.testing.assert_array_equal(images[0], noise(0).transpose(2, 0, 1))
    np.testing.assert_array_equal(images[1], noise(1, SIZE, SIZE + 4)[:, 2:-2].transpose(2, 0, 1))
    np.testing.assert_array_equal(images[2], noise(2, SIZE + 1, SIZE)[:-1].transpose(2, 0, 1))


def test_shrinking_is_antialiased():
    """Stripes of one pixel become grey, not black or white; their mean stays."""
    stripes = np.zeros((64, 64), np.uint8)
    stripes[:, ::2] = 255
    save("test/a.png", stripes)
    image = only(fit="crop", channels=1)
    assert abs(image.astype(int) - 127).max() < 16


@pytest.mark.parametrize("channels", [1, 3])
def test_grey_and_colour(channels):
    colour = np.zeros((SIZE, SIZE, 3), np.uint8)
    colour[..., 0] = 255
    save("test/a.png", colour)
    save("test/b.png", noise(0, channels=1))
    save("train/x.png", noise(9, channels=1))
    red, grey = load(channels=channels).test_images
    # ITU-R 601: red's share of the brightness is 0.299.
    assert red[:, 0, 0].tolist() == ([76] if channels == 1 else [255, 0, 0])
    np.testing.assert_array_equal(grey, np.broadcast_to(noise(0, channels=1), (channels, SIZE, SIZE)))


def test_transparent_pixels_and_a_transparent_colour_are_white():
    pixels = noise(0, channels=4)
    pixels[..., 3] = 255
    pixels[:2, :, 3] = 0
    save("test/a.png", pixels)
    image = only()
    assert (image[:, :2] == 255).all()
    np.testing.assert_array_equal(image[:, 2:], pixels[2:, :, :3].transpose(2, 0, 1))
    palette = Image.new("P", (SIZE, SIZE), 0)
    palette.putpalette([10, 20, 30, 40, 50, 60])
    palette.putpixel((0, 0), 1)
    palette.save("test/a.png", transparency=0)
    pixels = only()
    assert pixels[:, 0, 0].tolist() == [40, 50, 60]
    assert (pixels[:, 1:] == 255).all()


@pytest.mark.parametrize(("orientation", "turns"), [(3, 2), (6, -1), (8, 1)])
def test_exif_orientation(orientation, turns):
    exif = Image.Exif()
    exif[0x0112] = orientation
    pixels = noise(0)
    save("test/a.png", pixels, exif=exif)
    np.testing.assert_array_equal(only(), np.rot90(pixels, turns).transpose(2, 0, 1))


@pytest.mark.parametrize("content", [b"", b"no image", "cut"])
def test_an_unreadable_image_is_named(content):
    save("test/fine.png", noise(0))
    save("test/a.png", noise(1))
    path = Path("test/a.png")
    path.write_bytes(path.read_bytes()[:100] if content == "cut" else content)
    with pytest.raises(DataError, match=r"test/a\.png: cannot be read as an image"):
        only()


@pytest.mark.parametrize("dtype", [np.uint16, np.int32, np.float32])
def test_more_than_8_bits_are_refused(dtype):
    save("test/a.tiff", np.full((SIZE, SIZE), 300, dtype))
    with pytest.raises(DataError, match=r"test/a\.tiff: has more than 8 bits a channel"):
        only()


@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_the_central_square(width, height):
    left, upper, right, lower = central_square(width, height)
    assert right - left == lower - upper == min(width, height)
    assert left >= 0
    assert upper >= 0
    # What is left over on two opposite sides differs by a pixel at most.
    assert 0 <= (width - right) - left <= 1
    assert 0 <= (height - lower) - upper <= 1
