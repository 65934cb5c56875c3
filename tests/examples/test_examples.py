"""The scripts of examples/ do what they say on a tiny demo; so do `ddpm.compress` and `ddpm.open_study`."""

import runpy
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import ddpm
from ddpm.cli import main

STUDY = "config/demo.yaml"
EXAMPLES = Path(__file__).parents[2] / "examples"
NEEDS_DEMO = ("bits_per_dim", "compress", "published_weights", "sample", "study")


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs a script as a program in the project's folder, and returns what it printed."""

    def run(name: str, *words: str) -> str:
        monkeypatch.setattr(sys, "argv", [name, *words])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")
        return capsys.readouterr().out

    return run


@pytest.fixture(autouse=True)
def _in_the_projects_folder(demo, monkeypatch):
    monkeypatch.chdir(demo)


def test_all_scripts_are_run_and_short():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == {*NEEDS_DEMO, "autoregressive"}
    for name in NEEDS_DEMO:
        assert len((EXAMPLES / f"{name}.py").read_text().splitlines()) <= 25
    assert len((EXAMPLES / "autoregressive.py").read_text().splitlines()) <= 200


def test_sample(run):
    assert "wrote samples.png" in run("sample")
    images = ddpm.load("results/demo", "epsilon_L_simple").sample(16)
    picture = np.asarray(Image.open("samples.png"))[::8, ::8]
    assert (picture[:8, 8:16] == images[1, 0]).all()
    assert (picture[24:, :8] == images[12, 0]).all()


def test_published_weights(run):
    assert "my_model" in run("published_weights", "my_model")
    images = ddpm.load("my_model").sample(16)
    assert all((np.asarray(Image.open(f"sample{i:02}.png")) == images[i, 0]).all() for i in range(16))


def test_bits_per_dim(run):
    rows = ddpm.open_study(STUDY).measurements()
    measured = rows[(rows["metric"] == "NLL") & (rows["split"] == "test")]["value"].item()
    # Of 100 images, and of the first 20 of them.
    assert float(run("bits_per_dim").split()[0]) == pytest.approx(measured, abs=0.3)


def test_compress(run):
    printed = run("compress")
    assert "x_0 " in printed
    assert "after 3 latents" in printed
    assert Path("digits.ddpm").stat().st_size > 20


def test_study(run):
    printed = run("study")
    nll = ddpm.open_study(STUDY).measurements().query("metric == 'NLL'")["value"]
    figure = "results/demo/figures/training_curves.png"
    for part in ("A tiny demo", "measured_rate", figure, *(f"{value:.6f}" for value in nll), "40 10"):
        assert part in printed


def test_compress_writes_what_the_verb_writes():
    model, images = ddpm.load(STUDY, "epsilon_L_simple"), ddpm.open_study(STUDY).images("digits", "test")[:5]
    bits = ddpm.compress(images, "python.ddpm", model, batch_size=2)
    words = ["--output", "verb.ddpm", "test", "--images", "5", "--batch", "2"]
    assert main(["compress", STUDY, "--model", "epsilon_L_simple", *words]) == 0
    content = Path("python.ddpm").read_bytes()
    assert content == Path("verb.ddpm").read_bytes()
    assert sum(bits.values()) == 8 * len(content)
    back = ddpm.decompress("verb.ddpm", model)
    assert (back.dtype, back.shape) == (np.uint8, (5, 1, 8, 8))
    assert (back == images).all()
    errors = [
        np.abs(ddpm.decompress("verb.ddpm", model, steps=n) - images.astype(int)).mean() for n in (1, 4)
    ]
    assert errors[0] > errors[1] > 0
    assert (ddpm.decompress("verb.ddpm", model, most_bytes=1000) == images).all()
    Path("cut.ddpm").write_bytes(content[:-4])
    for call, message in [
        (lambda: ddpm.compress(images, "verb.ddpm", model), "verb.ddpm: is there already and is not"),
        (lambda: ddpm.compress(images / 255, "new.ddpm", model), "images: must be uint8 in 0..255"),
        (lambda: ddpm.compress(images, "new.ddpm", model, batch_size=0), "batch_size: must be a whole"),
        (lambda: ddpm.compress(images, "new.ddpm", model, schedule="archive"), "no such schedule; make it"),
        (lambda: ddpm.compress(images, "new.ddpm", ddpm.load("my_model")), "not loaded from a study in the"),
        (lambda: ddpm.decompress("none.ddpm", model), "none.ddpm: no such file"),
        (lambda: ddpm.decompress("cut.ddpm", model), "cut.ddpm: its body is cut off or altered; 1 of its 5"),
        (
            lambda: ddpm.decompress("verb.ddpm", model, most_bytes=0),
            "no picture of 5 of its images; use more",
        ),
        (lambda: ddpm.decompress("verb.ddpm", model, steps=0), "steps: must be a whole number from 1"),
    ]:
        with pytest.raises(ddpm.DDPMError) as error:
            call()
        assert message in str(error.value)
    assert not Path("new.ddpm").exists()


def test_a_study_as_an_object():
    study = ddpm.open_study(STUDY)
    assert (study.name, study.title, study.datasets) == ("demo", "A tiny demo", ["digits"])
    assert (study.models, study.tables) == (["epsilon_L_simple"], ["table4"])
    assert study.images("digits", "train").shape == (1297, 1, 8, 8)
    assert study.table("table4")["model"].tolist() == ["epsilon_L_simple"] * 10
    assert study.model("epsilon_L_simple", device="cpu").timesteps == 10
    for call, message in [
        (lambda: ddpm.open_study("config/demoo.yaml"), "config/demoo.yaml: no such study file"),
        (lambda: study.images("faces", "test"), "no data set is named 'faces' (known: digits)"),
        (lambda: study.images("digits", "valid"), 'split: must be "train" or "test", not'),
        (lambda: study.table("table1"), "this study builds no such table (it builds: table4)"),
        (lambda: study.figure("table4"), "this study builds no such figure (it builds: training_curves)"),
    ]:
        with pytest.raises(ddpm.DDPMError) as error:
            call()
        assert message in str(error.value)


def test_a_study_of_which_nothing_is_made_yet(tmp_path, monkeypatch):
    (tmp_path / "config").mkdir()
    shutil.copy(STUDY, tmp_path / "config")
    monkeypatch.chdir(tmp_path)
    study = ddpm.open_study(STUDY)
    assert study.measurements().empty
    for call, message in [
        (lambda: study.images("digits", "test"), "run `ddpm data config/demo.yaml digits`"),
        (lambda: study.table("table4"), "is not built yet; run `snakemake results/demo/table4.csv`"),
        (lambda: study.model("epsilon_L_simple"), "epsilon_L_simple seed 0 is not trained yet"),
    ]:
        with pytest.raises(ddpm.DDPMError) as error:
            call()
        assert message in str(error.value)


def test_measurements_are_those_of_the_settings_of_now(tmp_path, monkeypatch):
    shutil.copytree(".", tmp_path, dirs_exist_ok=True)
    monkeypatch.chdir(tmp_path)
    rows = ddpm.open_study(STUDY).measurements()
    assert sorted(rows[rows["metric"] == "NLL"]["split"]) == ["test", "train"]
    text = Path(STUDY).read_text()
    Path(STUDY).write_text(text.replace("learning_rate: 0.01", "learning_rate: 0.02"))
    assert ddpm.open_study(STUDY).measurements().empty
    Path(STUDY).write_text(text.replace("epsilon_L_simple", "other"))
    assert ddpm.open_study(STUDY).measurements().empty
