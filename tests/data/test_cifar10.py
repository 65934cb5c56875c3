import gzip
import hashlib
import io
import os
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from cifar_archive import FOLDER, expected_images, write_archive, write_batches, write_pickle

from ddpm.cli import main
from ddpm.data.cifar10 import load_cifar10
from ddpm.errors import DataError, ResourceError
from ddpm.study.datasets import Cifar10Settings

ARCHIVE = Path("resources/cifar-10-python.tar.gz")


def settings(archive: Path | str = ARCHIVE, **changes) -> Cifar10Settings:
    sizes = {"official": False, "train_images": 20, "test_images": 6}
    return Cifar10Settings(source="cifar10", archive=str(archive), **(sizes | changes))


@pytest.fixture
def archive(tmp_path, monkeypatch) -> Path:
    """A tiny archive where the settings look for it, and a registry that calls it the official one."""
    monkeypatch.chdir(tmp_path)
    ARCHIVE.parent.mkdir()
    write_archive(ARCHIVE)
    Path("config").mkdir()
    entry = {
        "about": "A tiny archive",
        "sha256": hashlib.sha256(ARCHIVE.read_bytes()).hexdigest(),
        "bytes": ARCHIVE.stat().st_size,
        "mirrors": ["http://127.0.0.1:1/x"],
    }
    Path("config/resources.yaml").write_text(yaml.safe_dump({ARCHIVE.name: entry}))
    return ARCHIVE


def assert_whole(splits) -> None:
    train, test = expected_images()
    np.testing.assert_array_equal(splits.train_images, train)
    np.testing.assert_array_equal(splits.test_images, test)
    np.testing.assert_array_equal(splits.train_labels, np.arange(20) % 10)
    np.testing.assert_array_equal(splits.test_labels, np.arange(20, 26) % 10)
    assert [array.dtype for array in splits] == [np.uint8, np.int64, np.uint8, np.int64]


@pytest.mark.parametrize("official", [True, False])
def test_a_read_only_archive_of_any_name(archive, official):
    Path("read_only").mkdir()
    copy = archive.rename("read_only/images.tgz")
    os.chmod("read_only", 0o555)
    try:
        for path in (copy, copy.absolute()):
            assert_whole(load_cifar10(settings(path, official=official)))
        assert list(Path("read_only").iterdir()) == [copy]
    finally:
        os.chmod("read_only", 0o755)


@pytest.mark.parametrize("path", [f"resources/{FOLDER}", f"resources/{FOLDER}/", "resources", "renamed"])
def test_a_folder(archive, path):
    if path == "renamed":
        Path("resources", FOLDER).rename(path)
    assert_whole(load_cifar10(settings(path)))


def test_an_official_folder_is_compared_with_torchvisions_hashes(archive, monkeypatch):
    """It is taken with the tiny files' hashes in torchvision's lists."""
    with pytest.raises(DataError, match=r"resources: data_batch_1 is not the official .* as `sha256`"):
        load_cifar10(settings("resources", official=True))
    from ddpm.evaluation.torchvision_import import prepare_torchvision

    prepare_torchvision()
    from torchvision.datasets import CIFAR10

    def md5(name: str) -> str:
        return hashlib.md5(Path("resources", FOLDER, name).read_bytes()).hexdigest()

    for files in ("train_list", "test_list"):
        monkeypatch.setattr(CIFAR10, files, [[name, md5(name)] for name, _ in getattr(CIFAR10, files)])
    assert_whole(load_cifar10(settings("resources", official=True)))


class _Evil:
    """Its unpickling leaves a trace."""

    def __reduce__(self):
        return os.mkdir, ("unpickled",)


def batch(**changes) -> dict:
    return {"data": np.zeros((4, 3072), np.uint8), "labels": [0] * 4} | changes


def evil_dtype() -> bytes:
    """A batch whose array's type is said to hold objects, so that its bytes would be addresses."""
    plain = pickle.dumps(batch(), 2)
    assert b"X\x02\x00\x00\x00u1" in plain
    return plain.replace(b"X\x02\x00\x00\x00u1", b"X\x02\x00\x00\x00O8")


# What a batch holds instead, and what is said of it. A billion is more than the file has bytes.
ATTACKS = {
    "code": (pickle.dumps(_Evil(), 2), r"it names posix\.mkdir, which is no part of a batch"),
    "code among the labels": (pickle.dumps(batch(labels=[_Evil()]), 2), r"it names posix\.mkdir"),
    "a part of NumPy": (b"\x80\x02cnumpy\nload\nX\x01\x00\x00\x00x\x85R.", r"it names numpy\.load"),
    "objects": (evil_dtype(), r"an array of 'O8' is none of whole numbers"),
    "memo": (b"\x80\x02Nr\x00\x00\x00\x40.", "its memo is larger than the file"),
    "text": (b"BINSTRING", ""),
    "numbers": (pickle.dumps(batch(data=np.zeros((4, 3072))), 2), "an array of 'f8'"),
    "labels": (pickle.dumps(batch(labels=[0] * 3), 2), "3 `labels` of 4 images"),
}


@pytest.mark.parametrize("what", ATTACKS)
def test_no_batch_runs_code(archive, what):
    content, message = ATTACKS[what]
    Path("resources", FOLDER, "data_batch_1").write_bytes(content)
    with pytest.raises(DataError, match=rf"resources: cannot be read .*data_batch_1: .*{message}"):
        load_cifar10(settings("resources"))
    assert not Path("unpickled").exists()


@pytest.mark.parametrize("protocol", [2, 4])
def test_batches_that_python_3_pickled(archive, protocol):
    for path in Path("resources", FOLDER).glob("*_batch*"):
        content = pickle.loads(path.read_bytes(), encoding="latin1")
        path.write_bytes(pickle.dumps(content, protocol))
    assert_whole(load_cifar10(settings("resources")))


def member(name: str, size: int, content: bytes = b"", kind: bytes = tarfile.REGTYPE) -> bytes:
    header = tarfile.TarInfo(name)
    header.size, header.type = size, kind
    return header.tobuf(tarfile.GNU_FORMAT) + content


@pytest.mark.parametrize(
    "content",
    [
        member(f"{FOLDER}/data_batch_1", 2**34),
        member("other/zeros", 2**34),
        member("long", 2**34, kind=tarfile.GNUTYPE_LONGNAME),
        member("x/many", 0) * 1001,
    ],
)
def test_an_archive_that_unpacks_to_gigabytes_is_refused_by_what_it_declares(archive, content):
    archive.write_bytes(gzip.compress(content + bytes(4096)))
    with pytest.raises(
        DataError, match=r"gz: (.* bytes, more than 26 images .* take|has more than 1,000 files)"
    ):
        load_cifar10(settings(archive))


def test_a_pinned_archive(archive):
    """The message about another hash tells the one to pin, and not to do without."""
    other = archive.rename("other.tgz")
    other.write_bytes(gzip.compress(gzip.decompress(other.read_bytes())))
    with pytest.raises(ResourceError, match=r"pin it in the study: `sha256: [0-9a-f]{64}`") as caught:
        load_cifar10(settings(other, official=True))
    assert "official: false" not in str(caught.value)
    found = str(caught.value).rpartition("`sha256: ")[2].rstrip("`")
    assert_whole(load_cifar10(settings(other, official=True, sha256=found)))
    with pytest.raises(ResourceError, match=r"is not the pinned content.*not 00"):
        load_cifar10(settings(other, official=False, sha256="0" * 64))
    with pytest.raises(DataError, match="is a folder, but `sha256` is the hash of an archive"):
        load_cifar10(settings("resources", sha256=found))


def test_what_is_no_archive(archive):
    archive.write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    with pytest.raises(DataError, match="git lfs pull"):
        load_cifar10(settings(archive))
    archive.unlink()
    os.mkfifo(archive)
    with pytest.raises(DataError, match=r"is no regular file \(a pipe"):
        load_cifar10(settings(archive))


def test_an_archive_with_another_hash_is_never_unpacked(archive, monkeypatch):
    write_pickle(Path("resources", FOLDER, "data_batch_1"), _Evil())
    with tarfile.open(archive, "w:gz") as tar:
        tar.add(f"resources/{FOLDER}", arcname=FOLDER)
    opened = []
    monkeypatch.setattr(tarfile, "open", lambda *arguments, **_: opened.append(arguments))
    with pytest.raises(ResourceError, match=r"is not the official content.*`ddpm fetch resources/cifar-10"):
        load_cifar10(settings(archive, official=True))
    assert opened == []
    assert not Path("unpickled").exists()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train_images": 50_000}, r"20 images where `train_images` says 50,000; set `train_images: 20`"),
        ({"test_images": 7}, r"holds 6 images where `test_images` says 7"),
        ({"archive": "no.tgz"}, r"no such file or folder; run `ddpm fetch resources/cifar.*`archive`"),
    ],
)
def test_another_number_of_images_or_no_archive(archive, changes, message):
    with pytest.raises(DataError, match=message):
        load_cifar10(settings(**changes))


@pytest.mark.parametrize("cut", [0.0, 0.5, 0.99])
def test_a_truncated_archive(archive, cut):
    content = archive.read_bytes()
    archive.write_bytes(content[: int(len(content) * cut)])
    with pytest.raises(DataError, match=r"cifar-10-python\.tar\.gz: (not a whole tar archive|has no file)"):
        load_cifar10(settings(archive))


@pytest.mark.parametrize("content", [{b"labels": [0] * 4}, {b"data": np.zeros((4, 5), np.uint8)}, [], "cut"])
def test_batches_of_another_format_or_missing(archive, content):
    path = Path("resources", FOLDER, "data_batch_2")
    write_pickle(path, content)
    if content == "cut":
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.raises(DataError, match="resources: cannot be read as the batches of CIFAR-10"):
        load_cifar10(settings("resources"))
    path.unlink()
    with pytest.raises(DataError, match="resources: has no file data_batch_2"):
        load_cifar10(settings("resources"))


def test_an_archive_that_reaches_outside_is_unpacked_inside_only(archive):
    secret = Path("secret")
    secret.write_bytes(pickle.dumps({"data": np.zeros((4, 3072), np.uint8), "labels": [0] * 4}))
    with tarfile.open(archive, "w") as tar:
        for name in (f"{FOLDER}/../../data_batch_1", "/tmp/data_batch_1", f"{FOLDER}/deep/data_batch_1"):
            member = tarfile.TarInfo(name)
            member.size = 4
            tar.addfile(member, io.BytesIO(b"evil"))
        link = tarfile.TarInfo(f"{FOLDER}/data_batch_1")
        link.type, link.linkname = tarfile.SYMTYPE, str(secret.resolve())
        tar.addfile(link)
    with pytest.raises(DataError, match="has no file data_batch_1"):
        load_cifar10(settings(archive))


def test_the_verb(archive, capsys):
    study = {
        "title": "Tiny CIFAR-10",
        "datasets": {"cifar10": settings(archive, official=True).model_dump()},
        "defaults": {"dataset": "cifar10"},
        "models": {"a": {}},
        "quality": {"features": {"kind": "classifier", "dataset": "cifar10"}},
        "artefacts": {"models": None},
    }
    Path("config/tiny.yaml").write_text(yaml.safe_dump(study))
    assert main(["data", "config/tiny.yaml", "cifar10"]) == 0
    assert "20 training and 6 test images of shape [3, 32, 32]" in capsys.readouterr().err
    np.testing.assert_array_equal(np.load("results/tiny/data/cifar10/train.npy"), expected_images()[0])
    archive.unlink()
    assert main(["data", "config/tiny.yaml", "cifar10"]) == 2
    assert "run `ddpm fetch resources/cifar-10-python.tar.gz`" in capsys.readouterr().err


def test_the_helper_writes_what_python_2_wrote(tmp_path):
    """As read from the official batches: bytes keys with encoding="bytes", str keys with "latin1"."""
    batch = write_batches(tmp_path) / "data_batch_1"
    keys = {b"batch_label", b"labels", b"data", b"filenames"}
    assert set(pickle.loads(batch.read_bytes(), encoding="bytes")) == keys
    assert "data" in pickle.loads(batch.read_bytes(), encoding="latin1")
