"""Results of an older version of the settings: verbs refuse them, say what to do, and change nothing."""

import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from killing.results import digests, saved_updates
from killing.study import MODEL, NAME, RUN, STATE, drill_study, write_study

from ddpm.cli import main
from ddpm.training.loop import Training

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


def states() -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in STATE.iterdir()}


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


@pytest.fixture
def interrupted(started, monkeypatch):
    """Training was stopped by SIGTERM after the third update."""
    with monkeypatch.context() as patch:
        update = Training.update

        def update_and_signal(self, batch):
            update(self, batch)
            if self.updates == 3:
                signal.raise_signal(signal.SIGTERM)

        patch.setattr(Training, "update", update_and_signal)
        with pytest.raises(SystemExit) as stopped:
            ddpm("train", *OF_RUN)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert saved_updates(started) == 3
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


def test_training_does_not_replace_weights_of_other_settings(trained, capsys):
    before = digests(trained)
    assert ddpm("train", *OF_RUN) == 0
    assert "is complete" in capsys.readouterr().err
    write(learning_rate)
    assert ddpm("train", *OF_RUN) == 2
    assert "trained with other settings; --restart trains anew" in capsys.readouterr().err
    assert digests(trained) == before
    assert ddpm("train", *OF_RUN, "--restart") == 0
    assert digests(trained) != before


def test_a_state_of_other_settings_is_refused_and_renamed_only_on_request(interrupted, capsys):
    before = states()
    write(learning_rate)
    assert ddpm("train", *OF_RUN) == 2
    message = capsys.readouterr().err
    assert "a training state of other settings" in message
    assert "`ddpm train --restart` (it is then renamed, not deleted)" in message
    assert states() == before
    assert ddpm("train", *OF_RUN, "--restart") == 0
    renamed = STATE.with_name("state.old1")
    assert {path.name: path.read_bytes() for path in renamed.iterdir()} == before
    assert WEIGHTS.exists()


def test_the_state_of_restored_settings_is_continued(interrupted, monkeypatch, tmp_path_factory):
    write(learning_rate)
    assert ddpm("train", *OF_RUN) == 2
    write()
    assert ddpm("train", *OF_RUN) == 0
    uninterrupted = tmp_path_factory.mktemp("uninterrupted")
    monkeypatch.chdir(uninterrupted)
    write()
    assert ddpm("data", "digits") == ddpm("train", *OF_RUN) == 0
    assert (uninterrupted / WEIGHTS).read_bytes() == (interrupted / WEIGHTS).read_bytes()


def test_samples_of_other_settings_are_not_measured(trained, capsys):
    assert ddpm("sample", *OF_RUN) == 0
    assert ddpm("features", "--threads", "1") == 0
    write(lambda study: study["sampling"].update(images=30))
    before = digests(trained)
    capsys.readouterr()
    assert ddpm("quality", *OF_RUN) == 2
    message = capsys.readouterr().err
    assert "was drawn under other settings than the study has now; run `ddpm sample" in message
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
