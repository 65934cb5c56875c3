"""Results of an older version of the settings: verbs refuse them, say what to do, and change nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest
from killing.results import digests
from killing.study import MODEL, NAME, RUN, drill_study, write_study

from ddpm.cli import main

OF_RUN = ["--model", MODEL, "--seed", "0", "--threads", "1"]
WEIGHTS = RUN / "weights.safetensors"
Change = Callable[[dict], object]


def ddpm(verb: str, *words: str) -> int:
    return main([verb, f"config/{NAME}.yaml", *words])


def write(change: Change = lambda _: None) -> None:
    """The study with 6 updates, evaluated at the last, and a change."""
    study = drill_study()
    study["defaults"]["training"]["steps"] = 6
    study["models"][MODEL]["checkpoints"] = {"steps": [], "evaluate": "last"}
    change(study)
    write_study(Path(), study)


def learning_rate(study: dict) -> None:
    study["defaults"]["training"]["learning_rate"] = 0.001


def diffusion(study: dict) -> None:
    study["defaults"]["diffusion"]["beta_end"] = 0.5


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A working folder with the data set."""
    monkeypatch.chdir(tmp_path)
    write()
    assert ddpm("data", "digits") == 0
    return tmp_path


@pytest.fixture
def trained(started):
    assert ddpm("train", *OF_RUN) == 0
    return started


@pytest.mark.parametrize("change", [learning_rate, diffusion])
@pytest.mark.parametrize("words", [("sample", *OF_RUN), ("bound", *OF_RUN), ("chain", "figure2")])
def test_weights_of_other_settings_are_refused(trained, capsys, change, words):
    write(change)
    before = digests(trained)
    capsys.readouterr()
    assert ddpm(*words) == 2
    message = capsys.readouterr().err
    assert all(part in message for part in (str(WEIGHTS), "other settings", "train"))
    assert digests(trained) == before


def test_samples_of_other_settings_are_not_measured(trained, capsys):
    assert ddpm("sample", *OF_RUN) == 0
    assert ddpm("features", "--threads", "1") == 0
    write(lambda study: study["sampling"].update(images=30))
    before = digests(trained)
    capsys.readouterr()
    assert ddpm("quality", *OF_RUN) == 2
    message = capsys.readouterr().err
    assert "was made under other settings than the study has now; run `ddpm sample" in message
    assert digests(trained) == before


def test_damaged_weights_are_noticed_by_whoever_reads_them(trained, capsys):
    content = bytearray(WEIGHTS.read_bytes())
    content[-1] ^= 1
    WEIGHTS.write_bytes(content)
    capsys.readouterr()
    assert ddpm("sample", *OF_RUN) == 2
    message = capsys.readouterr().err
    assert str(WEIGHTS) in message
    assert "delete it" in message
    assert not any(name.startswith("samples/") for name in digests(trained))
