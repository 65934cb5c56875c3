"""Results of an older version of the settings: verbs refuse them, say what to do, and change nothing."""

import hashlib
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml
from killing.snapshot import STATE, WEIGHTS, saved_updates
from killing.study import HOME, MODEL, drill_study, write_study

from ddpm.cli import main
from ddpm.training.loop import Training

STUDY = "config/drill.yaml"
RUN = ["--model", MODEL, "--seed", "0", "--threads", "1"]
Change = Callable[[dict], object]


def ddpm(verb: str, *words: str) -> int:
    return main([verb, STUDY, *words])


def write(change: Change | None = None) -> None:
    """The study with 6 updates, evaluated at the last, and a change."""
    study = drill_study()
    study["defaults"]["training"]["steps"] = 6
    study["models"][MODEL]["checkpoints"] = {"steps": [], "evaluate": "last"}
    if change is not None:
        change(study)
    Path(STUDY).write_text(yaml.safe_dump(study, sort_keys=False))


def learning_rate(study: dict) -> None:
    study["defaults"]["training"]["learning_rate"] = 0.001


def diffusion(study: dict) -> None:
    study["defaults"]["diffusion"]["beta_end"] = 0.5


def contents(folder: Path) -> dict[str, str]:
    """A hash of each file; logs and the probe of writability apart."""
    files = [path for path in folder.rglob("*") if path.is_file()]
    return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def started(tmp_path, monkeypatch):
    """A working folder with the data set."""
    write_study(tmp_path)
    monkeypatch.chdir(tmp_path)
    write()
    assert ddpm("data", "digits") == 0
    return tmp_path


@pytest.fixture
def trained(started):
    assert ddpm("train", *RUN) == 0
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
            ddpm("train", *RUN)
    assert stopped.value.code == 128 + signal.SIGTERM
    assert saved_updates(STATE) == 3
    return started


@pytest.mark.parametrize("change", [learning_rate, diffusion])
@pytest.mark.parametrize("words", [("sample", *RUN), ("bound", *RUN), ("chain", "figure2")])
def test_weights_of_other_settings_are_refused(trained, capsys, change, words):
    write(change)
    before = contents(trained)
    capsys.readouterr()
    assert ddpm(*words) == 2
    message = capsys.readouterr().err
    assert str(WEIGHTS) in message
    assert "other settings" in message
    assert "train" in message
    assert contents(trained) == before


def test_training_does_not_replace_weights_of_other_settings(trained, capsys):
    write(learning_rate)
    before = contents(trained)
    assert ddpm("train", *RUN) == 2
    assert "trained with other settings; --restart trains anew" in capsys.readouterr().err
    assert contents(trained) == before
    assert ddpm("train", *RUN, "--restart") == 0
    assert contents(trained)[str(trained / WEIGHTS)] != before[str(trained / WEIGHTS)]


def test_training_again_with_the_same_settings_changes_nothing(trained, capsys):
    before = contents(trained)
    assert ddpm("train", *RUN) == 0
    assert "is complete" in capsys.readouterr().err
    assert contents(trained) == before


def test_a_state_of_other_settings_is_refused_and_renamed_only_on_request(interrupted, capsys):
    state = contents(STATE)
    write(learning_rate)
    before = contents(interrupted)
    assert ddpm("train", *RUN) == 2
    message = capsys.readouterr().err
    assert "a training state of other settings" in message
    assert "`ddpm train --restart` (it is then renamed, not deleted)" in message
    assert contents(interrupted) == before
    assert ddpm("train", *RUN, "--restart") == 0
    assert list(contents(STATE.with_name("state.old1")).values()) == list(state.values())
    assert WEIGHTS.exists()


def test_the_state_of_restored_settings_is_continued(interrupted, trained_hash):
    write(learning_rate)
    assert ddpm("train", *RUN) == 2
    write()
    assert ddpm("train", *RUN) == 0
    assert weights_hash() == trained_hash


@pytest.fixture
def trained_hash(tmp_path_factory, monkeypatch):
    """Hash of the weights of an uninterrupted run, made elsewhere."""
    folder = tmp_path_factory.mktemp("uninterrupted")
    with monkeypatch.context() as patch:
        write_study(folder)
        patch.chdir(folder)
        write()
        assert ddpm("data", "digits") == 0
        assert ddpm("train", *RUN) == 0
        return weights_hash()


def weights_hash() -> str:
    from ddpm.network.weights import read_weights

    return read_weights(WEIGHTS)[1]["weights_hash"]


def test_samples_of_other_settings_are_not_measured(trained, capsys):
    assert ddpm("sample", *RUN) == 0
    assert ddpm("features", "--threads", "1") == 0
    write(lambda study: study["sampling"].update(images=30))
    before = contents(trained)
    capsys.readouterr()
    assert ddpm("quality", *RUN) == 2
    assert (
        "was drawn under other settings than the study has now; run `ddpm sample" in capsys.readouterr().err
    )
    assert contents(trained) == before


@pytest.mark.parametrize("damage", ["flip", "truncate"])
def test_damaged_weights_are_noticed_by_whoever_reads_them(trained, capsys, damage):
    content = bytearray(WEIGHTS.read_bytes())
    content[-1] ^= 1
    WEIGHTS.write_bytes(content if damage == "flip" else content[:-100])
    capsys.readouterr()
    assert ddpm("sample", *RUN) == 2
    message = capsys.readouterr().err
    assert str(WEIGHTS) in message
    assert "delete it" in message
    assert not (HOME / "samples" / MODEL / "seed0/sampling0/shard0.npz").exists()
