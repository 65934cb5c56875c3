"""A training run: finished work is found again, whatever was lost or changed; nothing is deleted."""

import json
import shutil
import signal
from pathlib import Path

import pytest
import torch
from short_study import MODEL, RUN, write_study

from ddpm.cli import main
from ddpm.data.store import read_manifest
from ddpm.network.weights import read_weights, save_weights
from ddpm.records.traced_files import read_frame, write_frame
from ddpm.training.loop import Training

HOME = Path("results/short")
EARLIER = HOME / "earlier" / MODEL / "seed0"
WEIGHTS, CURVE, RECEIPT, STATE = "weights.safetensors", "training.parquet", "trained.json", "state"
CHECKPOINT = "checkpoints/step4.safetensors"
STEPS = 8


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A working folder in which training has ended."""
    folder = tmp_path_factory.mktemp("finished")
    write_study(folder, STEPS, kept="[4]")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["data", "config/short.yaml", "digits"]) == 0
        assert train() == 0
    return folder


@pytest.fixture
def folder(finished, tmp_path, monkeypatch) -> Path:
    """A copy of it, the working folder; the receipt is gone, as Snakemake takes outputs away before a job."""
    copied = shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(copied)
    (RUN / RECEIPT).unlink()
    return copied


@pytest.fixture
def updates(monkeypatch) -> list[int]:
    """Grows by one with each update that is made."""
    made: list[int] = []
    update = Training.update

    def counted(self, batch):
        update(self, batch)
        made.append(self.updates)

    monkeypatch.setattr(Training, "update", counted)
    return made


def train(*more: str) -> int:
    return main(["train", "config/short.yaml", "--model", MODEL, "--threads", "1", *more])


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)


def make_anothers(weights: Path) -> None:
    """Has a weights file say that it is of another seed."""
    tensors, about = read_weights(weights)
    save_weights(weights, tensors, about | {"training_seed": 1})


def set_learning_rate(rate: float) -> None:
    study = Path("config/short.yaml")
    study.write_text(study.read_text().replace("training: {", f"training: {{learning_rate: {rate}, "))


def weights_hash(run: Path = RUN) -> str:
    return read_weights(run / WEIGHTS)[1]["weights_hash"]


def test_a_finished_run(finished):
    run = finished / RUN
    names = ["checkpoints", "run.json", STATE, RECEIPT, CURVE, WEIGHTS]
    assert sorted(path.name for path in run.iterdir()) == sorted(names)
    assert {path.name for path in (run / STATE).iterdir()} == {"latest.safetensors", "training.csv"}
    receipt = json.loads((run / RECEIPT).read_text())
    _, about = read_weights(run / WEIGHTS)
    assert receipt["checkpoints"] == {"4": read_weights(run / CHECKPOINT)[1]["weights_hash"]}
    for key in ("model", "training_seed", "settings", "data_hash", "status", "updates", "weights_hash"):
        assert receipt[key] == about[key]


@pytest.mark.parametrize(
    "lost",
    [
        lambda: None,
        lambda: (RUN / WEIGHTS).unlink(),
        lambda: (RUN / CURVE).unlink(),
        lambda: flip(RUN / WEIGHTS),
        lambda: (RUN / WEIGHTS).write_bytes(b""),
        lambda: (RUN / CURVE).write_bytes(b"PAR1"),
        # A curve that a training run with other weights has left.
        lambda: write_frame(RUN / CURVE, read_frame(RUN / CURVE), {"weights_hash": "other"}),
        # As after `dvc pull`.
        lambda: shutil.rmtree(RUN / STATE),
    ],
)
def test_the_receipt_is_written_again_without_a_step(folder, finished, updates, lost):
    lost()
    assert train() == 0
    assert updates == []
    for name in (RECEIPT, WEIGHTS):
        assert (RUN / name).read_bytes() == (finished / RUN / name).read_bytes()
    assert read_frame(RUN / CURVE).equals(read_frame(finished / RUN / CURVE))


@pytest.mark.parametrize(
    ("lost", "named"),
    [
        (lambda: (shutil.rmtree(RUN / STATE), flip(RUN / WEIGHTS)), WEIGHTS),
        (lambda: (shutil.rmtree(RUN / STATE), (RUN / CURVE).unlink()), CURVE),
        (lambda: (shutil.rmtree(RUN / STATE), make_anothers(RUN / WEIGHTS)), WEIGHTS),
        (lambda: (RUN / CHECKPOINT).unlink(), CHECKPOINT),
        (lambda: flip(RUN / CHECKPOINT), CHECKPOINT),
        (lambda: write_study(Path(), STEPS, kept="[4, 6]"), "checkpoints/step6.safetensors"),
    ],
)
def test_what_only_training_anew_could_bring_is_an_error(folder, updates, lost, named, capsys):
    lost()
    before = {path: path.read_bytes() for path in RUN.rglob("*.safetensors")}
    assert train() == 2
    message = capsys.readouterr().err
    assert f"{RUN / named}" in message
    assert "models.epsilon_L_simple.checkpoints in config/short.yaml" in message
    assert "--restart` (what is there is set aside, not deleted)" in message
    assert updates == []
    assert {path: path.read_bytes() for path in RUN.rglob("*.safetensors")} == before


def test_a_checkpoint_that_a_run_under_way_has_passed(folder, updates):
    (RUN / WEIGHTS).unlink()
    write_study(folder, STEPS, kept="[4, 6]")
    assert train() == 2
    assert updates == []


def test_other_settings_set_the_run_aside_and_find_it_again(folder, finished, updates, capsys):
    first = weights_hash()
    set_learning_rate(0.5)
    assert train() == 0
    assert len(updates) == STEPS
    assert weights_hash() != first
    [place] = EARLIER.iterdir()
    assert f"now lies in {place}" in capsys.readouterr().err
    assert weights_hash(place) == first
    updates.clear()
    write_study(folder, STEPS, kept="[4]")
    assert train() == 0
    assert updates == []
    assert f"{place} is in its place again" in capsys.readouterr().err
    assert (RUN / RECEIPT).read_bytes() == (finished / RUN / RECEIPT).read_bytes()
    [other] = EARLIER.iterdir()
    assert other.name != place.name


def test_a_run_under_way_is_set_aside_and_continued(folder, finished, updates, monkeypatch):
    shutil.rmtree(RUN)
    update = Training.update

    def update_and_signal(self, batch):
        update(self, batch)
        if self.updates == 5:
            signal.raise_signal(signal.SIGTERM)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "update", update_and_signal)
        with pytest.raises(SystemExit):
            train()
    set_learning_rate(0.5)
    assert train() == 0
    updates.clear()
    write_study(folder, STEPS, kept="[4]")
    assert train() == 0
    assert updates == [6, 7, 8]
    assert (RUN / RECEIPT).read_bytes() == (finished / RUN / RECEIPT).read_bytes()


@pytest.mark.parametrize("steps", [30, 25])
def test_more_steps_continue_to_the_bits_of_one_go(folder, finished, tmp_path, updates, steps):
    """From 8 to 30 or 25 steps, with points of the curve each 20 steps, is the same as at once."""
    write_study(folder, steps, kept="[4, 20]")
    assert train() == 0
    assert updates == list(range(STEPS + 1, steps + 1))
    at_once = tmp_path / "at_once"
    write_study(at_once, steps, kept="[4, 20]")
    shutil.copytree(finished / HOME / "data", at_once / HOME / "data")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(at_once)
        assert train() == 0
    for name in (RECEIPT, "checkpoints/step4.safetensors", "checkpoints/step20.safetensors"):
        ours, theirs = RUN / name, at_once / RUN / name
        if name == RECEIPT:
            assert ours.read_text() == theirs.read_text()
        else:
            ours, theirs = read_weights(ours)[0], read_weights(theirs)[0]
            assert all(torch.equal(ours[key], theirs[key]) for key in theirs)
    assert read_frame(RUN / CURVE).equals(read_frame(at_once / RUN / CURVE))
    # The shorter run is where it was set aside, whole, and its settings find it again.
    updates.clear()
    write_study(folder, STEPS, kept="[4]")
    assert train() == 0
    assert updates == []
    assert weights_hash() == weights_hash(finished / RUN)


def test_a_shorter_run_without_a_checkpoint_is_not_continued(folder, updates):
    write_study(folder, 30, kept="[6]")
    assert train() == 0
    assert len(updates) == 30


def test_killed_between_the_state_and_the_results(folder, finished, updates, monkeypatch):
    shutil.rmtree(RUN)

    def killed(*arguments):
        raise SystemExit(137)

    with monkeypatch.context() as patch:
        patch.setattr("ddpm.training.run.save_weights", killed)
        write_study(folder, STEPS, kept="[4]")
        with pytest.raises(SystemExit):
            train()
    assert len(updates) == STEPS
    updates.clear()
    assert train() == 0
    assert updates == []
    assert weights_hash() == weights_hash(finished / RUN)


def test_restart_trains_anew_and_sets_aside(folder, updates):
    first = weights_hash()
    for number in (1, 2):
        assert train("--restart") == 0
        assert len(updates) == number * STEPS
        assert len(list(EARLIER.iterdir())) == number
    assert {weights_hash(place) for place in EARLIER.iterdir()} == {first} == {weights_hash()}


def test_other_data_set_the_run_aside(folder, updates, monkeypatch):
    def other_data(study, dataset):
        return read_manifest(study, dataset) | {"data_hash": "0" * 64}

    monkeypatch.setattr("ddpm.training.run.read_manifest", other_data)
    assert train() == 0
    assert len(updates) == STEPS
    [place] = EARLIER.iterdir()
    assert (place / WEIGHTS).exists()
    assert read_weights(RUN / WEIGHTS)[1]["data_hash"] == "0" * 64


def test_files_of_an_unknown_run_are_set_aside(folder, updates):
    """Such as those of a version that did not describe its runs."""
    (RUN / "run.json").unlink()
    assert train() == 0
    assert len(updates) == STEPS
    assert [place.name for place in EARLIER.iterdir()] == ["unknown"]
