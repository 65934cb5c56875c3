import itertools
import logging
import os
import socket
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st
from PIL import Image

from ddpm.data.folders import list_images
from ddpm.data.image_files import central_square
from ddpm.data.splits import Splits, load_source
from ddpm.errors import DataError
from ddpm.study.datasets import ImageFolderSettings

SIZE = 8


@pytest.fixture(autouse=True)
def folders(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


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
        (
            "train/a.png test/b.txt",
            r"^test: 0 images; left out: 1 of other kinds \(1 \.txt\); no images .*`test`",
        ),
        ("test/a.png", r"^train: there is no such folder; no images there .*set `train`"),
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


UNREADABLE = {
    "empty": (b"", "it is empty"),
    "no image": (b"no image", "cannot identify"),
    "cut": (lambda content: content[:100], "truncated"),
    "a bit": (lambda content: content[:60] + bytes([content[60] ^ 4]) + content[61:], ""),
    "git-lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:1\n", "git lfs pull"),
    # PIL would start Ghostscript for it.
    "EPS": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\n%%EndComments\n", "cannot identify"),
}


@pytest.mark.parametrize("what", UNREADABLE)
def test_an_unreadable_image_is_named(what):
    content, message = UNREADABLE[what]
    save("test/fine.png", noise(0))
    save("test/a.png", noise(1))
    path = Path("test/a.png")
    path.write_bytes(content(path.read_bytes()) if callable(content) else content)
    with pytest.raises(DataError, match=rf"test/a\.png: cannot be read as an image \(.*{message}"):
        only()


def png(width: int, height: int, bits: int, colour: int, rows: bytes) -> bytes:
    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    parts = chunk(b"IHDR", header), chunk(b"IDAT", zlib.compress(rows)), chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def tiff16(samples: int = 3) -> bytes:
    """A TIFF of 8x8 pixels with 16 bits a sample, which PIL cannot write."""
    pixels = b"\x2c\x01" * (SIZE * SIZE * samples)
    tags = {256: SIZE, 257: SIZE, 258: None, 259: 1, 262: 2, 273: None, 277: samples, 278: SIZE}
    tags |= {279: len(pixels)}
    bits = 8 + 2 + 12 * len(tags) + 4
    tags |= {258: bits, 273: bits + 2 * samples}
    entries = [
        struct.pack("<HHII", tag, 3 if tag == 258 else 4, samples if tag == 258 else 1, value)
        for tag, value in tags.items()
    ]
    head = b"II*\0" + struct.pack("<IH", 8, len(tags))
    return head + b"".join(entries) + bytes(4) + b"\x10\0" * samples + pixels


DEEP = {
    "png": png(SIZE, SIZE, 16, 2, (b"\0" + b"\x01\x2c" * 3 * SIZE) * SIZE),
    "tiff": tiff16(),
    "ppm": b"P6 8 8 65535\n" + bytes(SIZE * SIZE * 6),
}


@pytest.mark.parametrize("kind", [*DEEP, np.uint16, np.int32, np.float32])
def test_more_than_8_bits_are_refused(kind):
    """Colours too, which PIL cuts to 8 bits without a word."""
    Path("test").mkdir()
    if isinstance(kind, str):
        Path(f"test/a.{kind}").write_bytes(DEEP[kind])
    else:
        save("test/a.tiff", np.full((SIZE, SIZE), 300, kind))
    with pytest.raises(DataError, match=r"test/a\.\w+: has more than 8 bits a channel"):
        only()


@pytest.mark.parametrize(
    ("side", "fit"), [(9000, "exact"), (13000, "exact"), (13000, "crop"), (40000, "crop")]
)
def test_a_huge_image_is_refused_by_its_header(side, fit):
    """Nothing is decoded: there is nothing to decode."""
    Path("test").mkdir()
    Path("test/a.png").write_bytes(png(side, side, 8, 2, b""))
    with pytest.raises(DataError, match=rf"test/a\.png: (is {side}x{side} pixels|has too many pixels)"):
        only(fit=fit)


def test_what_counts_and_what_is_left_out(caplog, monkeypatch):
    """Hidden names, other kinds, what is no file; each file and folder once, under its own name."""
    logger = logging.getLogger("ddpm")
    monkeypatch.setattr(logger, "handlers", [caplog.handler])
    monkeypatch.setattr(logger, "propagate", False)
    caplog.set_level(logging.INFO, "ddpm")
    for seed, name in enumerate(("a/0.png", "a/1.JPE", "b/2.jfif", "b/deep/3.png")):
        save(f"train/{name}", noise(seed), format="jpeg" if "j" in name.lower() else "png")
    for seed, name in enumerate(
        (".cache/0.png", "a/._0.png", "__MACOSX/a/0.png", "a/THUMBS.DB", "@eaDir/0.png")
    ):
        save(f"train/{name}", noise(seed), format="png")
    for name in ("a/x.gif", "a/x.avif", "b/x.gif", "b/README"):
        Path("train", name).write_bytes(b"")
    save("outside/4.png", noise(4))
    # Before its target by name, and yet the folder b keeps its images.
    Path("train/aa").symlink_to("b")
    Path("train/a/up").symlink_to("../..")
    Path("train/a/loop").symlink_to("..")
    Path("train/a/self").symlink_to("self")
    Path("train/a/gone.png").symlink_to("nowhere.png")
    Path("train/c").symlink_to("../outside")
    os.link("train/a/0.png", "train/a/again.png")
    os.mkfifo("train/b/pipe.png")
    Path("train/b/null.png").symlink_to("/dev/null")
    with socket.socket(socket.AF_UNIX) as one:
        one.bind("train/b/socket.png")
    save("test/a/5.png", noise(5))
    splits = load()
    np.testing.assert_array_equal(splits.train_labels, [0, 0, 1, 1, 2])
    listed = {str(path) for path in list_images("train").images}
    assert listed == {"a/0.png", "a/1.JPE", "b/2.jfif", "b/deep/3.png", "c/4.png"}
    [line] = [record.message for record in caplog.records if record.message.startswith("train: ")]
    for part in (
        "train: 5 images; left out: ",
        "5 hidden (",
        "4 of other kinds (1 .avif, 2 .gif, 1 without suffix)",
        "2 broken links (a/gone.png, ...)",
        "3 neither files nor folders (pipes, sockets, devices) (b/null.png, ...)",
        "4 read already under another name (a/again.png, ...)",
    ):
        assert part in line


def test_a_folder_that_may_not_be_looked_into(monkeypatch):
    save("train/a/0.png", noise(0))
    scandir = os.scandir

    def denied(path):
        if Path(path).name == "a":
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", denied)
    with pytest.raises(DataError, match=r"train/a: cannot be looked into \(Permission denied\)"):
        list_images("train")


def test_a_name_that_is_no_text_can_be_logged():
    Path("train").mkdir()
    Path("train", "\udce9.png").symlink_to("nowhere")
    assert r"1 broken links (\udce9.png)" in list_images("train").summary


@pytest.mark.parametrize(
    ("train", "test"), [("pics", "pics/test"), ("pics/a", "pics"), ("pics", "link"), ("a", "./a")]
)
def test_one_folder_within_the_other(train, test):
    Path("pics/a").mkdir(parents=True)
    Path("link").symlink_to("pics/a")
    with pytest.raises(ValueError, match="lies within the other"):
        ImageFolderSettings(source="image_folder", train=train, test=test, image_size=SIZE)


_FOLDERS = st.sampled_from(["a", "b", "b", ".git", "__MACOSX", "\udce9"])
_NAMES = st.sampled_from(["x.png", "0.jpg", "y.PNG", "\udce9.png", "n.txt", "t.gif", "._x.png", "a", "b"])
_LINKS = {"up": "..", "broken": "nowhere", "beside": "../b"}
_KINDS = st.sampled_from([*["image"] * 12, "hard", "deep", "empty", "damaged", "fifo", *_LINKS])


@st.composite
def _trees(draw) -> dict[str, list]:
    """Entries of each split: the folders above it, its name, and what it is; alike deep in both, or wild."""
    deep = draw(st.sampled_from([(0, 0), (1, 1), (1, 2), (0, 2)]))
    folders = st.lists(_FOLDERS, min_size=deep[0], max_size=deep[1])
    entries = st.lists(st.tuples(folders, _NAMES, _KINDS), min_size=1, max_size=8)
    return {"train": draw(entries), "test": draw(entries)}


_IMAGE = png(SIZE, SIZE, 8, 2, (b"\0" + bytes(range(3 * SIZE))) * SIZE)


def _plant(folder: Path, above: list[str], name: str, kind: str) -> None:
    """An entry of a tree, unless something else lies there."""
    path = folder.joinpath(*above, name)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        if kind == "fifo":
            os.mkfifo(path)
        elif kind in _LINKS:
            path.symlink_to(_LINKS[kind])
        elif kind == "hard":
            os.link(folder.parent / "image.png", path)
        elif not path.is_symlink():
            content = {"image": _IMAGE, "deep": DEEP["png"], "empty": b"", "damaged": _IMAGE[:-20]}[kind]
            with path.open("xb") as file:
                file.write(content)
    except OSError:
        pass


_number = itertools.count()


@settings(max_examples=int(os.environ.get("DDPM_EXAMPLES", "200")), deadline=None)
@given(tree=_trees())
def test_any_tree_of_files_ends_in_splits_or_in_an_error_that_names_a_path(tree):
    place = Path(f"tree{next(_number)}")
    place.mkdir()
    (place / "image.png").write_bytes(_IMAGE)
    for split, entries in tree.items():
        (place / split).mkdir()
        for entry in entries:
            _plant(place / split, *entry)
    counts = {split: len(list_images(str(place / split)).images) for split in tree}
    # Each file once: no more than were planted.
    assert all(counts[split] <= len(tree[split]) for split in tree)
    splits = error = None
    try:
        splits = load(train=str(place / "train"), test=str(place / "test"))
    except DataError as found:
        error = found
    event("refused" if splits is None else "splits")
    if splits is None:
        assert str(error).startswith(str(place))
        return
    assert (len(splits.train_images), len(splits.test_images)) == (counts["train"], counts["test"])
    assert splits.train_images.dtype == np.uint8
    assert set(splits.test_labels) <= set(splits.train_labels)


@given(width=st.integers(1, 5000), height=st.integers(1, 5000))
def test_the_central_square(width, height):
    left, upper, right, lower = central_square(width, height)
    assert right - left == lower - upper == min(width, height)
    assert left >= 0
    assert upper >= 0
    # What is left over on two opposite sides differs by a pixel at most.
    assert 0 <= (width - right) - left <= 1
    assert 0 <= (height - lower) - upper <= 1
