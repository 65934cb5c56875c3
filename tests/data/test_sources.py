"""What a data set is packed from: real changes change its settings, others do not; and it may be gone."""

import json
import os
import pickle
import re
import shutil
import tarfile
from pathlib import Path

import numpy as np
import pytest
import yaml
from cifar_archive import FOLDER, write_archive
from PIL import Image

from ddpm.cli import main
from ddpm.errors import DDPMError
from ddpm.graph import sources
from ddpm.graph.fingerprint import training_fingerprint
from ddpm.graph.receipts import training_job_settings
from ddpm.graph.run_files import bound_shards
from ddpm.study import load_study

MODEL = {"network": {"channels": 8, "channel_multipliers": [1], "attention_resolutions": [], "groups": 8}}
PICS = {"source": "image_folder", "train": "pics/train", "test": "pics/test", "image_size": 8}
MINE = {"source": "cifar10", "archive": "mine.tar", "official": False, "train_images": 20, "test_images": 6}
STUDY = {
    "title": "A study for tests",
    "datasets": {"pics": PICS, "mine": MINE, "digits": {"source": "digits"}},
    "defaults": {"dataset": "pics"},
    "models": {"a": MODEL},
    "quality": {"features": {"kind": "classifier", "dataset": "pics"}},
    "likelihood": {"images_per_shard": 4, "batch_size": 1000},
    "artefacts": {"models": None},
}


def pixels(seed: int) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)


def write(**changes) -> None:
    Path("x.yaml").write_text(yaml.safe_dump(STUDY | changes))


def study():
    """The study as a new process would see it."""
    sources._files_now.cache_clear()
    return load_study("x.yaml")


def settings(dataset: str = "pics") -> str:
    return sources.data_settings(study(), dataset)


def pack(dataset: str = "pics") -> int:
    return main(["data", "x.yaml", dataset])


@pytest.fixture(autouse=True)
def place(tmp_path, monkeypatch) -> Path:
    """A folder with the study and its images: 8 to train on, 4 to test with, in two classes."""
    monkeypatch.chdir(tmp_path)
    for seed, (split, name) in enumerate(
        [*(("train", n) for n in range(8)), *(("test", n) for n in range(4))]
    ):
        path = Path("pics", split, "ab"[name % 2], f"{name}.ppm")
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(pixels(seed)).save(path)
    write()
    return tmp_path


def invert() -> None:
    """In place, to the same size, with the old time."""
    path = Path("pics/train/a/0.ppm")
    status, image = path.stat(), 255 - pixels(0)
    Image.fromarray(image).save(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def move() -> None:
    shutil.copytree("pics", "elsewhere/images")
    shutil.rmtree("pics")
    moved = PICS | {"train": "elsewhere/images/train", "test": "elsewhere/images/test"}
    write(datasets=STUDY["datasets"] | {"pics": moved})


SAME = {
    "nothing": lambda: None,
    "another kind of file": lambda: Path("pics/train/a/.DS_Store").write_bytes(b"x"),
    "touched": lambda: [os.utime(path) for path in Path("pics").rglob("*")],
    "another mode": lambda: os.chmod("pics/train/a/0.ppm", 0o600),
    "moved": move,
    "gone": lambda: shutil.rmtree("pics"),
    "emptied, as a disk that is not mounted": lambda: (shutil.rmtree("pics/test"), Path("pics/test").mkdir()),
}
CHANGED = {
    "inverted": invert,
    "added": lambda: shutil.copy("pics/test/a/0.ppm", "pics/train/a/9.ppm"),
    "removed": lambda: os.unlink("pics/test/a/0.ppm"),
    "a class emptied": lambda: shutil.rmtree("pics/test/b"),
    "another class": lambda: os.rename("pics/train/a/0.ppm", "pics/train/b/0.ppm"),
    "exchanged": lambda: (
        os.rename("pics/train/a/0.ppm", "x"),
        os.rename("pics/train/b/1.ppm", "pics/train/a/0.ppm"),
        os.rename("x", "pics/train/b/1.ppm"),
    ),
}


@pytest.mark.parametrize("what", [*SAME, *CHANGED])
def test_changes_of_images_change_the_settings_and_nothing_else_does(what):
    before = settings()
    assert pack() == 0
    assert settings() == before
    (SAME | CHANGED)[what]()
    assert (settings() == before) == (what in SAME)
    if what in CHANGED:
        after = settings()
        assert pack() == 0
        assert settings() == after, "what was recorded while it ran is what is found afterwards"


def test_packing_again_what_was_touched_keeps_the_settings():
    pack()
    before = settings()
    SAME["touched"]()
    manifest = Path("results/x/data/pics/manifest.json").read_bytes()
    assert pack() == 0
    assert settings() == before
    assert Path("results/x/data/pics/manifest.json").read_bytes() == manifest


@pytest.mark.parametrize("form", ["archive", "folder"])
def test_an_archive_that_is_not_pinned(form):
    write_archive(Path("mine.tar"))
    if form == "folder":
        write(datasets=STUDY["datasets"] | {"mine": MINE | {"archive": FOLDER}})
    assert pack("mine") == 0
    before = settings("mine")
    place = shutil.copytree(FOLDER, f"store/{FOLDER}") if form == "folder" else "store.tgz"
    if form == "archive":
        shutil.copy("mine.tar", place)
    write(datasets=STUDY["datasets"] | {"mine": MINE | {"archive": str(place)}})
    assert settings("mine") == before
    file = Path(place, "test_batch") if form == "folder" else Path(place)
    content = pickle.dumps({"data": np.zeros((6, 3072), np.uint8), "labels": [0] * 6}, 2)
    if form == "folder":
        file.write_bytes(content)
    else:
        Path(FOLDER, "test_batch").write_bytes(content)
        with tarfile.open(file, "w") as tar:
            tar.add(FOLDER)
    assert settings("mine") != before


def test_where_the_settings_or_the_workflow_tell_the_content_nothing_is_added():
    official = {"source": "cifar10", "archive": "elsewhere.tgz"}
    fetched = MINE | {"archive": "resources/cifar-10-python.tar.gz"}
    Path("config").mkdir()
    entry = {"about": "x", "sha256": "0" * 64, "bytes": 1, "mirrors": ["http://localhost/x"]}
    Path("config/resources.yaml").write_text(yaml.safe_dump({"cifar-10-python.tar.gz": entry}))
    pinned = MINE | {"sha256": "0" * 64}
    write(datasets=STUDY["datasets"] | {"official": official, "fetched": fetched, "pinned": pinned})
    for dataset in ("digits", "official", "fetched", "pinned"):
        assert " " not in settings(dataset)
    assert sources.fetched_files(study(), "fetched") == ["resources/cifar-10-python.tar.gz"]
    assert sources.fetched_files(study(), "digits") == []


def test_sizes_are_those_that_are_packed_or_will_be():
    def counted() -> dict[str, int]:
        return dict(sources.split_sizes(study(), "pics"))

    assert counted() == {"train": 8, "test": 4}
    pack()
    CHANGED["added"]()
    assert counted() == {"train": 9, "test": 4}
    assert len(bound_shards(study(), "a", 0, "train")) == 3
    SAME["gone"]()
    assert counted() == {"train": 8, "test": 4}


def test_images_that_are_gone():
    """What was packed suffices; what asks for the images says that they are gone."""
    pack()
    SAME["gone"]()
    assert main(["show", "x.yaml"]) == 0
    assert sources.fetched_files(study(), "pics") == []
    assert pack() == 2
    write(datasets=STUDY["datasets"] | {"pics": PICS | {"channels": 1}})
    with pytest.raises(DDPMError, match=r"x\.yaml: datasets\.pics\.train: pics/train is no folder"):
        sources.fetched_files(study(), "pics")
    Path("pics/train").mkdir(parents=True)
    with pytest.raises(DDPMError, match=r"datasets\.pics\.train: pics/train holds no images; give the path"):
        sources.fetched_files(study(), "pics")


@pytest.mark.parametrize("record", ["", "{", "[]", '{"state": "x"}'])
def test_a_damaged_record_packs_again(record):
    pack()
    path = Path("results/x/data/pics/source.json")
    assert json.loads(path.read_text())["state"] in settings()
    os.utime("pics/train/a/0.ppm")
    before = settings()
    path.write_text(record)
    assert settings() != before


def test_images_that_change_while_they_are_packed(monkeypatch, capsys):
    from ddpm.data import store

    write_text = store.write_text
    monkeypatch.setattr(store, "write_text", lambda *words: (write_text(*words), invert()))
    assert pack() == 2
    assert "its files changed while they were read" in capsys.readouterr().err


def test_equal_images_of_the_two_splits_are_told(capsys):
    pack()
    assert "warning" not in capsys.readouterr().err
    for name in ("a/0", "b/1"):
        shutil.copy(f"pics/train/{name}.ppm", f"pics/test/{name}.ppm")
    pack()
    assert "warning: data pics: 2 of 4 test images are training images too" in capsys.readouterr().err


JUDGED = {"title": "x", "artefacts": {"table1": {"L": None, "L_simple": "a"}}}


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (
            lambda: [os.unlink(f"pics/test/{name}.ppm") for name in ("a/0", "a/2", "b/1")],
            r"test split \(pics/test\) has 1 ",
        ),
        (
            lambda: [path.rename(path.parents[1] / path.name) for path in Path("pics").rglob("*.ppm")],
            "has no two classes",
        ),
        (
            lambda: [os.unlink(f"pics/train/a/{name}.ppm") for name in (0, 2, 4)],
            r"\(pics/train\) has 1 image of class 0",
        ),
    ],
)
def test_images_that_do_not_suffice_are_told_before_training(spoil, message, capsys):
    """Where the study measures samples; else they are taken as they are."""
    spoil()
    assert pack() == 0
    write(**JUDGED)
    assert pack() == 2
    assert re.search(rf"error: x\.yaml: datasets\.pics: the .*{message}", capsys.readouterr().err)


def test_a_figure_of_an_image_that_is_not_there_is_told_before_training(capsys):
    write(artefacts={"models": None, "figure8": {"model": "a", "pairs": [[0, 4]], "steps": [1]}})
    assert pack() == 2
    told = r"the test split \(pics/test\) has 4 images, but artefacts\.figure8\.pairs asks for 5"
    assert re.search(told, capsys.readouterr().err)


def test_a_name_that_is_no_utf_8_is_in_the_log(capsys):
    Path(os.fsdecode(b"pics/train/a/caf\xe9.png")).write_bytes(b"no image")
    assert main(["data", "x.yaml", "pics", "--log", "log.txt"]) == 2
    assert r"error: pics/train/a/caf\udce9.png: cannot be read" in Path("log.txt").read_text()
    assert "Logging error" not in capsys.readouterr().err


def test_fewer_checkpoints_than_were_kept_are_the_same_job():
    def job(*steps: int) -> str:
        checkpoints = {"checkpoints": {"steps": list(steps)}}
        write(models={"a": MODEL | checkpoints})
        return training_job_settings(study(), "a", 0)

    before = {steps: job(*steps) for steps in [(), (10,), (10, 20), (5, 10)]}
    assert len(set(before.values())) == 4
    receipt = Path("results/x/models/a/seed0/trained.json")
    receipt.parent.mkdir(parents=True)
    run = training_fingerprint(study(), "a")
    pack()
    about = {"settings": run, "data_hash": sources.packed_hash(study(), "pics")}
    receipt.write_text(json.dumps(about | {"checkpoints": {"10": "hash", "20": "hash"}}))
    assert job() == job(10) == job(10, 20) == before[10, 20]
    assert job(5, 10) == before[5, 10]
    invert()
    assert job(10) == before[10,], "the run will be one of other data"
    receipt.write_text(json.dumps(about | {"settings": "other", "checkpoints": {"10": "hash", "20": "hash"}}))
    assert job(10) == before[10,]
