"""LSUN and CelebA-HQ as sources of a study: there or missing, changed or moved, and without test images."""

import json
import os
import re
import shutil
from pathlib import Path

import numpy as np
import pytest
import yaml
from large_images import scenes, smooth, write_faces, write_lsun, zip_lsun

from ddpm.cli import main
from ddpm.data import arrays
from ddpm.data.store import read_images
from ddpm.errors import DDPMError
from ddpm.graph import sources
from ddpm.study import load_study

MODEL = {"network": {"channels": 8, "channel_multipliers": [1], "attention_resolutions": [], "groups": 8}}
ARCHIVE = Path("church_lmdb")
FACES = [smooth(number, 16, 16) for number in range(4)]


def write(datasets=None, **changes) -> None:
    church = {"source": "lsun", "archive": str(ARCHIVE), "image_size": 16}
    faces = {"source": "celebahq", "path": "faces/data256x256", "images": 4, "image_size": 16}
    study = {
        "title": "A study for tests",
        "datasets": {"church": church | (datasets or {}).get("church", {})}
        | {"faces": faces | (datasets or {}).get("faces", {})},
        "defaults": {"dataset": "church"},
        "models": {"a": MODEL, "b": MODEL | {"dataset": "faces"}},
        "quality": {"features": {"kind": "none"}},
        "artefacts": {"models": None},
    }
    Path("x.yaml").write_text(yaml.safe_dump(study | changes))


def study():
    """The study as a new process would see it."""
    sources._files_now.cache_clear()
    sources._records_now.cache_clear()
    return load_study("x.yaml")


def settings(dataset: str) -> str:
    return sources.data_settings(study(), dataset)


def fetched(dataset: str) -> list[str]:
    return sources.fetched_files(study(), dataset)


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch):
    """A folder with a study, an archive of six records, and four faces."""
    monkeypatch.chdir(tmp_path)
    write_lsun(ARCHIVE, scenes(6))
    write_faces(Path("faces"), FACES, "folder")
    write()


def touch(path: Path) -> None:
    os.utime(path, ns=(0, 0))


def move(place: Path, dataset: str, key: str) -> None:
    Path("elsewhere").mkdir()
    write({dataset: {key: str(place.rename(Path("elsewhere", place.name)))}})


def replace_archive(values: list[bytes]) -> None:
    before = (ARCHIVE / "data.mdb").stat().st_size
    shutil.rmtree(ARCHIVE)
    write_lsun(ARCHIVE, values)
    assert (ARCHIVE / "data.mdb").stat().st_size == before


UNCHANGED = {
    "touched archive": ("church", lambda: touch(ARCHIVE / "data.mdb")),
    "moved archive": ("church", lambda: move(ARCHIVE, "church", "archive")),
    "copied archive": (
        "church",
        lambda: shutil.copytree(ARCHIVE, "copy") and write({"church": {"archive": "copy"}}),
    ),
    "lost archive": ("church", lambda: shutil.rmtree(ARCHIVE)),
    "other reference": ("church", lambda: write({"church": {"reference_images": 2}})),
    "touched face": ("faces", lambda: touch(Path("faces/data256x256/9.png"))),
    "moved faces": ("faces", lambda: move(Path("faces/data256x256"), "faces", "path")),
    "lost faces": ("faces", lambda: shutil.rmtree("faces")),
}


@pytest.mark.parametrize("change", UNCHANGED)
def test_what_is_packed_stays_current(change):
    dataset, happens = UNCHANGED[change]
    assert main(["data", "x.yaml", dataset]) == 0
    before = settings(dataset)
    happens()
    assert (settings(dataset), fetched(dataset)) == (before, [])
    assert sources.packed_hash(study(), dataset) is not None


CHANGED = {
    "another archive of that size": ("church", lambda: replace_archive(scenes(6)[::-1])),
    "more records": ("church", lambda: write_lsun(ARCHIVE, scenes(7))),
    "fewer images": ("church", lambda: write({"church": {"images": 5}})),
    "another face": ("faces", lambda: smooth(9, 16, 16).save("faces/data256x256/9.png")),
}


@pytest.mark.parametrize("change", CHANGED)
def test_what_has_changed_is_packed_again(change):
    dataset, happens = CHANGED[change]
    assert main(["data", "x.yaml", dataset]) == 0
    before = settings(dataset)
    happens()
    assert settings(dataset) != before
    assert sources.packed_hash(study(), dataset) is None


def test_numbers_of_images_before_and_after_packing():
    """Of an archive that is not there, as far as settings or its name tell."""

    def sizes(**church) -> dict[str, int]:
        write({"church": church})
        return dict(sources.split_sizes(study(), "church"))

    zip_lsun(ARCHIVE, Path("church.zip"))
    for archive in (str(ARCHIVE), "church.zip"):
        assert sizes(archive=archive) == {"train": 6, "test": 0}
        assert sizes(archive=archive, images=5) == {"train": 5, "test": 0}
    assert sizes(archive="lsun/bedroom_train_lmdb") == {"train": 3_033_042, "test": 0}
    assert sizes(archive="none") == {"train": 0, "test": 0}
    write_lsun(ARCHIVE, [*scenes(5), b""])
    write()
    assert main(["data", "x.yaml", "church"]) == 0
    assert sources.split_sizes(study(), "church") == {"train": 5, "test": 0}
    assert sources.split_sizes(study(), "faces") == {"train": 4, "test": 0}


MISSING = {
    "church": (
        {"archive": "lsun/church_outdoor_train_lmdb"},
        r"datasets\.church\.archive: lsun/church_outdoor_train_lmdb: no such file or folder; fetch "
        r"http://dl\.yf\.io/lsun/scenes/church_outdoor_train_lmdb\.zip \(`curl -C - -O <address>`, .*\), "
        r"`unzip` it, and give",
    ),
    "cat": ({"archive": "cat"}, r"cat: .*fetch http://dl\.yf\.io/lsun/objects/cat\.zip \(`curl"),
    "unknown": ({"archive": "faces"}, r"faces: data\.mdb in it: no such file; .*church.*bedroom.*cat\.zip"),
    "zip": (
        {"archive": "half.zip"},
        r"half\.zip: no whole \.zip of an lmdb \(.*; did its transfer break off\?\)",
    ),
    "too few": ({"images": 7}, r"church_lmdb: holds 6 records, and 7 images are asked for"),
}


@pytest.mark.parametrize("what", MISSING)
def test_a_missing_archive_is_told_in_one_line_before_anything_starts(what, capsys):
    zip_lsun(ARCHIVE, Path("church.zip"))
    Path("half.zip").write_bytes(Path("church.zip").read_bytes()[:1000])
    changes, message = MISSING[what]
    write({"church": changes})
    with pytest.raises(DDPMError) as error:
        fetched("church")
    assert re.search(message, str(error.value))
    assert "\n" not in str(error.value)
    assert main(["check", "x.yaml"]) == 2
    assert str(error.value) in capsys.readouterr().err


def test_missing_faces_are_told_before_anything_starts():
    for changes, message in (
        ({"path": "none"}, r"x\.yaml: datasets\.faces\.path: none: no such file or folder"),
        ({"path": "church_lmdb"}, r"church_lmdb: holds neither images nor \.parquet"),
        ({"images": 5}, r"holds 4 images where `images` says 5"),
    ):
        write({"faces": changes})
        with pytest.raises(DDPMError, match=message):
            fetched("faces")


def test_check_tells_what_is_there(capsys, monkeypatch):
    monkeypatch.setattr("ddpm.plan.jobs.study_jobs", lambda study, targets: [])
    assert main(["check", "x.yaml"]) == 0
    told = capsys.readouterr().err
    assert "data church: 6 records in church_lmdb (0.0 GB), of which 6 are packed at 16x16" in told
    assert "data faces: 4 images in faces/data256x256 (a folder of images), packed at 16x16" in told


def test_without_test_images_samples_can_be_judged_but_none_be_shown(capsys, monkeypatch):
    monkeypatch.setattr(arrays, "LARGEST_IN_MEMORY", 0)
    judged = {"quality": {"features": {"kind": "inception"}}, "artefacts": {"models": {}}}
    write({"faces": {"images": 1}}, **judged)
    with pytest.raises(DDPMError, match=r"datasets\.faces\.images: 1 is too few"):
        study()
    write(**judged)
    assert study().judged_models == ["a", "b"]
    for dataset, count in (("church", 6), ("faces", 4)):
        assert main(["data", "x.yaml", dataset]) == 0
        assert read_images(study(), dataset, "train").shape == (count, 3, 16, 16)
        assert read_images(study(), dataset, "test").shape == (0, 3, 16, 16)
        assert "test images are training images" not in capsys.readouterr().err
    images = np.stack([np.asarray(face) for face in FACES]).transpose(0, 3, 1, 2)
    np.testing.assert_array_equal(read_images(study(), "faces", "train"), images)
    figure = {"model": "b", "pairs": [[0, 1]], "steps": [1]}
    write(artefacts={"models": None, "figure8": figure})
    with pytest.raises(DDPMError, match=r"figure8.* asks for 2 test images, counted from 0, but there are 0"):
        study()
    assert json.loads(Path("results/x/data/faces/manifest.json").read_text())["counts"]["test"] == 0
