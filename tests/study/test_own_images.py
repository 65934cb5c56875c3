"""Studies of images of one's own: `ddpm init`, `ddpm check`, the table `models`."""

import re
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image

from ddpm.cli import main
from ddpm.data.image_folder import listed, load_image_folder
from ddpm.errors import StudyError
from ddpm.graph import dependencies
from ddpm.graph.sources import fetched_files, split_sizes
from ddpm.study import load_study
from ddpm.study.datasets import ImageFolderSettings

CONFIG = Path(__file__).parents[2] / "config"


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("config").mkdir()


def write_images(folder: str, number: int = 12, size: tuple[int, int] = (16, 16), mode: str = "RGB") -> None:
    Path(folder).mkdir(parents=True)
    generator = np.random.default_rng(0)
    for index in range(number):
        pixels = generator.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8)
        Image.fromarray(pixels).convert(mode).save(f"{folder}/{index}.png")


def init(folder: str = "my images", name: str = "mine") -> int:
    return main(["init", name, "--images", folder])


@pytest.mark.parametrize(
    ("sizes", "mode", "expected"),
    [
        ([(16, 16)], "RGB", (16, 3, "exact")),
        ([(16, 16)], "L", (16, 1, "exact")),
        ([(40, 33)], "RGB", (32, 3, "crop")),
        ([(300, 200)], "RGBA", (64, 3, "crop")),
        ([(5, 6)], "RGB", (8, 3, "crop")),
        ([(8, 8), (9, 8)], "P", (8, 3, "crop")),
    ],
)
def test_a_study_is_written_with_sizes_that_fit_the_images(sizes, mode, expected):
    for number, size in enumerate(sizes):
        write_images(f"my images/{number}", size=size, mode=mode)
        write_images(f"my images/more {number}", size=size, mode=mode)
    assert init() == 0
    study = load_study("config/mine.yaml")
    own = study.datasets["own"]
    assert (own.image_size, own.channels, own.fit) == expected
    assert study.quality.features.kind == "classifier"
    assert study.warnings == []


@pytest.mark.parametrize(
    ("folders", "has_inception", "judge"),
    [
        (["flat"], False, "none"),
        (["flat"], True, "inception"),
        (["flat/a", "flat/b"], True, "classifier"),
        (["flat/train/a", "flat/train/b", "flat/test/a", "flat/test/b"], False, "classifier"),
    ],
)
def test_the_judge_follows_from_what_there_is(folders, has_inception, judge, capsys):
    for folder in folders:
        write_images(folder)
    if has_inception:
        Path("resources").mkdir()
        Path("resources/weights-inception-2015-12-05-6726825d.pth").touch()
    assert init("flat") == 0
    study = load_study("config/mine.yaml")
    assert study.quality.features.kind == judge
    assert ("figure15" in study.artefacts.chosen) == (judge != "none")
    assert "judge:" in capsys.readouterr().err
    # All inputs of all tables and figures can be named.
    for artefact in study.artefacts.chosen:
        dependencies.artefact_inputs(study, artefact)


@pytest.mark.parametrize(
    ("name", "number", "message"),
    [
        ("mine", 9, "9 images are too few"),
        ("data", 12, "cannot name a study"),
        ("a b", 12, "cannot name a study"),
        ("taken", 12, "there is such a study already"),
    ],
)
def test_what_cannot_become_a_study_writes_nothing(name, number, message, capsys):
    write_images("pictures", number)
    Path("config/taken.yaml").write_text("mine")
    assert init("pictures", name) == 2
    assert message in capsys.readouterr().err
    assert [path.name for path in Path("config").iterdir()] == ["taken.yaml"]
    assert Path("config/taken.yaml").read_text() == "mine"


def test_a_title_that_no_study_may_have_leaves_no_file(capsys):
    write_images("pictures")
    assert main(["init", "mine", "--images", "pictures", "--title", " "]) == 2
    assert "title" in capsys.readouterr().err
    assert not Path("config/mine.yaml").exists()
    assert main(["init", "mine", "--images", "pictures", "--title", 'a "b" \\c: #d']) == 0
    assert load_study("config/mine.yaml").title == 'a "b" \\c: #d'


def test_images_held_out_of_one_folder_are_the_same_each_time_and_of_each_class():
    for name in ("a", "b"):
        write_images(f"all/{name}", 10)
    settings = ImageFolderSettings(source="image_folder", train="all", test_images=6, image_size=16)
    train, test = listed(settings)
    assert (len(train.files), len(test.files)) == (14, 6)
    assert sorted([*train.files, *test.files]) == sorted(
        path.relative_to("all") for path in Path("all/").rglob("*.png")
    )
    assert np.bincount(test.labels).tolist() == [3, 3]
    other = listed(settings.model_copy(update={"split_seed": 1}))[1]
    assert other.files != test.files
    splits = load_image_folder(settings)
    of_file = [np.asarray(Image.open(Path("all", file))).transpose(2, 0, 1) for file in test.files]
    np.testing.assert_array_equal(np.stack(list(splits.test_images.images)), of_file)
    np.testing.assert_array_equal(splits.test_labels, test.labels)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"test": "b"}, "give either `test`"),
        ({"test_images": None}, "give either `test`"),
    ],
)
def test_test_images_are_a_folder_or_held_out(change, message):
    settings = {"source": "image_folder", "train": "a", "test_images": 3, "image_size": 16}
    with pytest.raises(ValueError, match=message):
        ImageFolderSettings(**settings | change)


def study_of(folder: str = "flat", **changes) -> None:
    study = yaml.safe_load((CONFIG / "own-images.yaml").read_text())
    study["datasets"]["own"] |= {"train": folder, "test_images": 3}
    Path("config/mine.yaml").write_text(yaml.safe_dump(study | changes))


def test_the_example_is_what_it_says():
    study = load_study(CONFIG / "own-images.yaml")
    assert study.warnings == []
    assert list(study.artefacts.chosen) == ["models", "figure13", "figure14", "training_curves"]


def test_a_judge_of_a_flat_folder_is_told_before_anything_runs():
    write_images("flat")
    study_of()
    with pytest.raises(
        Exception, match=r"config/mine.yaml: datasets.own: the train split \(flat\) has no two classes"
    ):
        fetched_files(load_study("config/mine.yaml"), "own")
    study_of(quality={"features": {"kind": "none"}})
    study = load_study("config/mine.yaml")
    assert fetched_files(study, "own") == []
    assert split_sizes(study, "own") == {"train": 9, "test": 3}


def test_check_names_and_counts_all_images_that_cannot_be_used(capsys):
    write_images("flat", 12, size=(20, 16))
    Path("flat/broken.png").write_bytes(b"no image")
    Path("flat/empty.JPG").touch()
    Path("flat/.hidden.png").touch()
    study_of(quality={"features": {"kind": "none"}})
    assert main(["check", "config/mine.yaml"]) == 2
    told = capsys.readouterr().err
    assert "datasets.own: 2 of 14 images cannot be used" in told
    assert re.search(r"flat/broken.png: cannot be read .*replace or remove it", told)
    assert "flat/empty.JPG: cannot be read as an image (it is empty; replace or remove it)" in told
    assert "1 hidden (.hidden.png)" in told


def test_check_says_what_would_run(capsys):
    for name in ("a", "b"):
        write_images(f"flat/{name}")
    study_of()
    assert main(["check", "config/mine.yaml"]) == 0
    told = capsys.readouterr().err
    assert "data own: 21 training and 3 test images, 16x16, 2 class(es)" in told
    assert re.search(r"jobs to run: 1\d \(.*1 train\)", told)


def problems(**changes) -> str:
    study_of(**changes)
    with pytest.raises(StudyError) as caught:
        load_study("config/mine.yaml")
    return str(caught.value)


def test_what_needs_a_judge_is_refused_without_one():
    found = problems(
        quality={"features": {"kind": "none"}},
        artefacts={"figure15": {"model": "epsilon_L_simple", "samples": 1, "neighbours": 1}},
    )
    assert re.search(r"mine.yaml:\d+: artefacts.figure15: needs features of images.*name a classifier", found)


def test_a_mistake_in_the_defaults_is_told_once():
    study = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    study["defaults"]["network"]["attention_resolutions"] = [5]
    Path("config/mine.yaml").write_text(yaml.safe_dump(study))
    with pytest.raises(StudyError) as caught:
        load_study("config/mine.yaml")
    told = (
        r"config/mine.yaml:\d+: defaults.network.attention_resolutions: the network has no resolution 5[^\n]*"
    )
    assert re.fullmatch(told, str(caught.value))


def test_models_and_data_sets_that_nothing_uses_are_told():
    study = yaml.safe_load((CONFIG / "demo.yaml").read_text())
    study["models"]["quadratic"] = {"diffusion": {"schedule": "quadratic"}}
    study["datasets"]["own"] = {"source": "image_folder", "train": "a", "test_images": 1, "image_size": 8}
    Path("config/mine.yaml").write_text(yaml.safe_dump(study))
    model, dataset = load_study("config/mine.yaml").warnings
    assert re.search(r"config/mine.yaml:\d+: models.quadratic: no table or figure shows it", model)
    assert re.search(
        r"config/mine.yaml:\d+: datasets.own: no model is trained on it .*defaults.dataset: own", dataset
    )
    del study["artefacts"]["models"]
    del study["datasets"]["own"]
    Path("config/mine.yaml").write_text(yaml.safe_dump(study))
    loaded = load_study("config/mine.yaml")
    assert loaded.warnings == []
    assert sorted(loaded.artefacts.models_of("models")) == sorted(study["models"])


@pytest.mark.parametrize(
    ("table", "models"),
    [
        ({}, ["epsilon_L_simple"]),
        (None, []),
        ({"models": ["epsilon_L_simple"], "published": True}, ["epsilon_L_simple"]),
    ],
)
def test_the_table_of_all_models_is_the_default(table, models):
    study_of(artefacts={"models": table})
    artefacts = load_study("config/mine.yaml").artefacts
    assert (artefacts.models_of("models") if "models" in artefacts.chosen else []) == models
