"""LSUN from a miniature of its archives: arrays of StyleGAN2's tool, damage, and going on after a kill."""

import io
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import yaml
from large_images import DAMAGED, scenes, write_lsun, zip_lsun
from PIL import Image

from ddpm.cli import main
from ddpm.data import arrays, lsun, pool, unfinished
from ddpm.data.store import open_images, read_images, read_labels, read_manifest
from ddpm.study import load_study

MODEL = {"network": {"channels": 8, "channel_multipliers": [1], "attention_resolutions": [], "groups": 8}}
ARCHIVE, DATA = Path("church_lmdb"), Path("results/x/data/church")
VALUES = scenes(9)
WITH_DAMAGE = [*VALUES[:2], DAMAGED, *VALUES[2:5], b"", *VALUES[5:]]


def write(archive=ARCHIVE, **changes) -> None:
    church = {"source": "lsun", "archive": str(archive), "image_size": 16} | changes
    Path("x.yaml").write_text(
        yaml.safe_dump(
            {
                "title": "A study for tests",
                "datasets": {"church": church},
                "defaults": {"dataset": "church"},
                "models": {"a": MODEL},
                "quality": {"features": {"kind": "none"}},
                "artefacts": {"models": None},
            }
        )
    )


def pack() -> int:
    return main(["data", "x.yaml", "church"])


def images() -> np.ndarray:
    return read_images(load_study("x.yaml"), "church", "train")


def stylegan2(value: bytes, size: int = 16) -> np.ndarray:
    """`create_lsun` of StyleGAN2's dataset_tool.py, with Pillow's decoder."""
    img = np.asarray(Image.open(io.BytesIO(value)))
    crop = np.min(img.shape[:2])
    top, left = (img.shape[0] - crop) // 2, (img.shape[1] - crop) // 2
    img = img[top : top + crop, left : left + crop]
    return np.asarray(Image.fromarray(img).resize((size, size), Image.Resampling.LANCZOS)).transpose(2, 0, 1)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> list[str]:
    """A folder with a study and an archive of nine sound records and two damaged ones: its keys."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(unfinished, "IMAGES_PER_STATE", 2)
    write()
    return write_lsun(ARCHIVE, WITH_DAMAGE)


def test_the_arrays_are_those_of_stylegan2s_tool(place, capsys):
    assert pack() == 0
    np.testing.assert_array_equal(images(), [stylegan2(value) for value in VALUES])
    study = load_study("x.yaml")
    manifest = read_manifest(study, "church")
    assert manifest["counts"] == {"train": 9, "test": 0}
    assert manifest["arrays"]["train_images"]["damaged"] == {"records": 2, "first": [place[2], place[6]]}
    assert read_labels(study, "church", "train").tolist() == [0] * 9
    assert read_labels(study, "church", "test").shape == (0,)
    assert len(open_images(study, "church", "test", "cpu")) == 0
    np.save("saved.npy", images())
    assert (DATA / "train.npy").read_bytes() == Path("saved.npy").read_bytes()
    warnings = [line for line in capsys.readouterr().err.splitlines() if line.startswith("warning: ")]
    assert [place[2] in warnings[0], place[6] in warnings[1]] == [True, True]
    assert warnings[2:] == ["warning: church_lmdb: 9 images; damaged records left out: 2"]


def test_the_first_sound_records(capsys):
    write(images=4)
    assert pack() == 0
    np.testing.assert_array_equal(images(), [stylegan2(value) for value in VALUES[:4]])
    assert (
        json.loads((DATA / "manifest.json").read_text())["arrays"]["train_images"]["damaged"]["records"] == 1
    )
    for number, told in (
        (12, "holds 11 records, and 12 images are asked for"),
        (10, "9 records are sound and 2"),
    ):
        write(images=number)
        assert pack() == 2
        assert told in capsys.readouterr().err


def test_order_and_memory_of_the_pool(monkeypatch):
    """However long one item takes, the others wait for it, and no more than so many are taken."""
    monkeypatch.setattr(pool, "cores", lambda: 2)
    taken = []
    results = pool.in_order(lambda item: -item, (taken.append(item) or item for item in range(100)))
    assert next(results) == 0
    assert len(taken) == 2 * pool.AHEAD
    assert list(results) == [-item for item in range(1, 100)]
    with pytest.raises(ZeroDivisionError):
        list(pool.in_order(lambda item: 1 // item, [1, 0, 1]))


def undisturbed() -> dict[str, bytes]:
    """The files of the data set without an interruption; they are removed."""
    assert pack() == 0
    files = {path.name: path.read_bytes() for path in DATA.iterdir()}
    assert set(files) == {
        *("train.npy", "test.npy", "train_labels.npy", "test_labels.npy", "manifest.json", "source.json")
    }
    shutil.rmtree(DATA)
    return files


# The packer in a process that is killed when it is about to write this image, of 0, 1, 2 ...
KILLED = """
import os, signal, sys
from ddpm.cli import main
from ddpm.data import unfinished
unfinished.IMAGES_PER_STATE, write, left = 2, unfinished._write_image, [int(sys.argv[1])]
def writes(*arguments):
    if not left[0]:
        arguments[0].flush()
        os.kill(os.getpid(), signal.SIGKILL)
    left[0] -= 1
    write(*arguments)
unfinished._write_image = writes
main(["data", "x.yaml", "church"])
"""


def test_after_a_kill_the_same_bytes(capsys):
    expected = undisturbed()
    command = [sys.executable, "-c", KILLED, "5"]
    killed = subprocess.run(command, env=os.environ, capture_output=True, check=False)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    left = sorted(path.name for path in DATA.iterdir() if ".unfinished" in path.name)
    assert len(left) == 2
    decoded, decode = [], lsun._decoded
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(lsun, "_decoded", lambda record, size: decoded.append(record) or decode(record, size))
        assert pack() == 0
    assert len(decoded) == len(WITH_DAMAGE) - 5, "four images and a damaged record were whole and recorded"
    assert "goes on after 4 images" in capsys.readouterr().err
    assert {path.name: path.read_bytes() for path in DATA.iterdir()} == expected


def full(*arguments):
    raise OSError(28, "No space left on device")


def stopped(monkeypatch, image: int = 5) -> Path:
    """Packs so many images, and fails; the file that is left."""
    write_image, left = unfinished._write_image, [image]

    def writes(*arguments):
        if not left[0]:
            full()
        left[0] -= 1
        write_image(*arguments)

    with monkeypatch.context() as patch:
        patch.setattr(unfinished, "_write_image", writes)
        assert pack() == 2
    [file] = DATA.glob(".train.*.unfinished.npy")
    return file


@pytest.mark.parametrize("image", [0, 1, 4, 8])
def test_after_a_full_disk_the_same_bytes(image, monkeypatch, capsys):
    expected = undisturbed()
    stopped(monkeypatch, image)
    assert "train.npy: cannot be written (the disk is full" in capsys.readouterr().err
    assert not (DATA / "train.npy").exists()
    assert pack() == 0
    assert {path.name: path.read_bytes() for path in DATA.iterdir()} == expected


def test_after_an_error_in_the_hash_no_image_is_decoded_again(monkeypatch):
    expected = undisturbed()
    with monkeypatch.context() as patch:
        patch.setattr(arrays, "_hash_of_new", full)
        assert pack() == 2
    with monkeypatch.context() as patch:
        patch.setattr(lsun, "_decoded", lambda record, size: 1 // 0)
        assert pack() == 0
    assert {path.name: path.read_bytes() for path in DATA.iterdir()} == expected


@pytest.mark.parametrize("other", ["settings", "archive", "decoder"])
def test_a_file_of_other_settings_or_another_archive_is_left_and_not_continued(other, monkeypatch, capsys):
    file = stopped(monkeypatch)
    before = file.read_bytes()
    with monkeypatch.context() as patch:
        if other == "settings":
            write(images=8)
        elif other == "archive":
            write_lsun(Path("other"), [*WITH_DAMAGE[:-1], VALUES[0]])
            write(archive="other")
        else:
            patch.setattr(lsun.PIL, "__version__", "0")
        assert pack() == 0
    assert file.read_bytes() == before
    told = capsys.readouterr().err
    assert f"{file} (0.0 GB) is of other settings or another archive" in told
    assert "goes on" not in told
    number = 8 if other == "settings" else 9
    last = VALUES[0] if other == "archive" else VALUES[number - 1]
    np.testing.assert_array_equal(images(), [stylegan2(value) for value in [*VALUES[: number - 1], last]])
    write()
    assert pack() == 0
    assert "goes on after 4 images" in capsys.readouterr().err
    assert not file.exists()


@pytest.mark.parametrize("damage", ["no state", "shorter than its state"])
def test_a_file_without_a_sound_state_is_begun_anew(damage, monkeypatch, capsys):
    file = stopped(monkeypatch)
    if damage == "no state":
        file.with_suffix(".json").write_text("{")
    else:
        os.truncate(file, file.stat().st_size // 2)
    assert pack() == 0
    assert "goes on" not in capsys.readouterr().err
    np.testing.assert_array_equal(images(), [stylegan2(value) for value in VALUES])


def test_two_processes_do_not_write_one_file(monkeypatch, capsys):
    file = stopped(monkeypatch)
    with file.open("rb") as held:
        unfinished.try_lock(held.fileno())
        before = file.read_bytes()
        assert pack() == 2
        assert "another process is writing it" in capsys.readouterr().err
        assert file.read_bytes() == before
    assert pack() == 0


def test_too_small_a_disk_is_told_before_the_work(monkeypatch, capsys):
    monkeypatch.setattr(lsun, "_decoded", lambda record, size: 1 // 0)
    monkeypatch.setattr(unfinished.shutil, "disk_usage", lambda folder: SimpleNamespace(free=5000))
    assert pack() == 2
    assert "takes 0.0 GB more, but 0.0 GB are free" in capsys.readouterr().err


def test_all_damaged_is_told_early(capsys, monkeypatch):
    write_lsun(Path("bad"), [DAMAGED] * 4)
    write(archive="bad")
    assert pack() == 2
    assert "0 records are sound and 4 damaged" in capsys.readouterr().err
    monkeypatch.setattr(unfinished, "_DAMAGED_AT_FIRST", 3)
    shutil.rmtree(DATA)
    assert pack() == 2
    assert "the first 3 records are all damaged" in capsys.readouterr().err


def test_the_zip_gives_the_same_files(monkeypatch):
    expected = undisturbed()
    zip_lsun(ARCHIVE, Path("church.zip"))
    write(archive="church.zip")
    stopped(monkeypatch)
    [unpacked] = DATA.glob(".unpacked-*")
    inode = (unpacked / "data.mdb").stat().st_ino
    with monkeypatch.context() as patch:
        patch.setattr("ddpm.data.lsun_archive._unpack", lambda *arguments: 1 // 0)
        assert (unpacked / "data.mdb").stat().st_ino == inode
        assert pack() == 0
    names = expected.keys() - {"source.json"}
    assert {name: (DATA / name).read_bytes() for name in names} == {name: expected[name] for name in names}
    assert {path.name for path in DATA.iterdir()} == expected.keys()


@pytest.mark.parametrize("size", [0, 5000, 12000])
def test_a_truncated_lmdb_is_told_instead_of_the_end_of_the_process(size, capsys):
    os.truncate(ARCHIVE / "data.mdb", size)
    assert pack() == 2
    assert "church_lmdb/data.mdb: " in (told := capsys.readouterr().err)
    assert "unpack or fetch it again" in told


def test_what_is_no_lmdb(capsys):
    (ARCHIVE / "data.mdb").write_bytes(b"x" * 100_000)
    assert pack() == 2
    assert "data.mdb: no readable lmdb (MDB_INVALID" in capsys.readouterr().err
