"""Finished training is never made again: kept results go back to their places if they are whole and fit."""

import shutil
from pathlib import Path

import pytest
from short_study import MODEL, RUN, write_study

from ddpm.cli import main
from ddpm.data.store import read_manifest
from ddpm.network.weights import read_weights
from ddpm.traced_files import read_frame, write_frame
from ddpm.training.loop import Training

KEPT = RUN / "state" / "finished"
WEIGHTS, CURVE = "weights.safetensors", "training.parquet"
STEPS = 8


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    """A working folder in which training has ended and keeps its results."""
    folder = tmp_path_factory.mktemp("finished")
    write_study(folder, STEPS, kept="[4]")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["data", "config/short.yaml", "digits"]) == 0
        assert train("--keep-finished") == 0
    return folder


@pytest.fixture
def folder(finished, tmp_path, monkeypatch) -> Path:
    """A copy of it, the working folder."""
    copied = shutil.copytree(finished, tmp_path / "work")
    monkeypatch.chdir(copied)
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


def remove_outputs() -> None:
    """As Snakemake does with the outputs of a job whose end it has not seen."""
    (RUN / WEIGHTS).unlink()
    (RUN / CURVE).unlink()


def flip(path: Path, place: int) -> None:
    content = bytearray(path.read_bytes())
    content[place] ^= 1
    path.unlink()
    path.write_bytes(content)


def hash_in(place: Path) -> str:
    return read_weights(place / WEIGHTS)[1]["weights_hash"]


def test_what_is_kept_are_second_names(finished):
    for name in (WEIGHTS, CURVE):
        assert (finished / RUN / name).samefile(finished / KEPT / name)
    assert [path.name for path in (finished / RUN / "state").iterdir()] == ["finished"]


def test_deleted_outputs_come_back_without_training(folder, updates, capsys):
    expected = {name: (RUN / name).read_bytes() for name in (WEIGHTS, CURVE)}
    manifest = Path("results/short/data/digits/manifest.json")
    remove_outputs()
    # Made again since, with the same content: what comes back must not be older.
    manifest.touch()
    assert train("--keep-finished") == 0
    assert updates == []
    assert "had been finished" in capsys.readouterr().err
    for name, content in expected.items():
        assert (RUN / name).read_bytes() == content
        assert (RUN / name).stat().st_mtime_ns >= manifest.stat().st_mtime_ns
    assert KEPT.exists()


@pytest.mark.parametrize(
    "damage",
    [
        lambda: flip(KEPT / WEIGHTS, -1),
        lambda: (KEPT / CURVE).write_bytes(b"PAR1"),
        lambda: (KEPT / CURVE).unlink(),
        lambda: (KEPT / WEIGHTS).write_bytes(b""),
        lambda: flip(RUN / "checkpoints/step4.safetensors", -1),
        lambda: (RUN / "checkpoints/step4.safetensors").unlink(),
        # A curve that a training run with other weights has left.
        lambda: write_frame(KEPT / CURVE, read_frame(KEPT / CURVE), {"weights_hash": "other"}),
    ],
)
def test_what_is_not_whole_is_trained_again(folder, updates, damage, capsys):
    expected = hash_in(RUN)
    remove_outputs()
    damage()
    assert train("--keep-finished") == 0
    assert len(updates) == STEPS
    assert "what is kept of an earlier run is of no use" in capsys.readouterr().err
    assert hash_in(RUN) == hash_in(KEPT) == expected
    updates.clear()
    assert train("--keep-finished") == 0
    assert updates == []


def test_results_of_other_settings_are_not_put_in_place(folder, updates):
    expected = hash_in(KEPT)
    remove_outputs()
    write_study(folder, STEPS + 1, kept="[4]")
    assert train("--keep-finished") == 0
    assert len(updates) == STEPS + 1
    assert hash_in(RUN) == hash_in(KEPT) != expected


def test_a_checkpoint_that_the_study_asks_for_now(folder, updates):
    remove_outputs()
    write_study(folder, STEPS, kept="[4, 6]")
    assert train("--keep-finished") == 0
    assert len(updates) == STEPS
    assert (RUN / "checkpoints/step6.safetensors").exists()


def test_weights_without_their_curve_are_not_complete(folder, updates, capsys):
    """Killed between the two: the curve is made again, and the weights meanwhile stay."""
    expected = (RUN / WEIGHTS).read_bytes()
    (RUN / CURVE).unlink()
    assert train("--keep-finished") == 0
    assert updates == []
    assert "is there, but not all that belongs to it" in capsys.readouterr().err
    assert (RUN / WEIGHTS).read_bytes() == expected
    assert len(read_frame(RUN / CURVE)) == 1


def test_killed_between_the_state_and_the_results(folder, updates):
    """The state of the last update is all there is: the results come from it, and no update is made."""
    expected = hash_in(RUN)
    assert train("--restart") == 0
    assert not (RUN / "state").exists()
    shutil.rmtree(RUN / "state.old1")
    remove_outputs()
    updates.clear()

    def killed(*arguments):
        raise SystemExit(137)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ddpm.training.finished.write_results", killed)
        with pytest.raises(SystemExit):
            train()
    assert len(updates) == STEPS
    updates.clear()
    assert train() == 0
    assert updates == []
    assert hash_in(RUN) == expected


def test_a_state_left_beside_complete_results_goes(folder, updates):
    (RUN / "state" / "latest.safetensors").write_bytes((KEPT / WEIGHTS).read_bytes())
    assert train("--keep-finished") == 0
    # It is of other settings, as far as it says: it stays.
    assert (RUN / "state" / "latest.safetensors").exists()
    (RUN / "state" / "latest.safetensors").unlink()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("ddpm.training.state.StateFolder.clear_saved", lambda self: None)
        assert train("--restart", "--keep-finished") == 0
    assert (RUN / "state" / "latest.safetensors").exists()
    updates.clear()
    assert train("--keep-finished") == 0
    assert updates == []
    assert [path.name for path in (RUN / "state").iterdir()] == ["finished"]


def test_restart_trains_and_sets_aside_what_was_kept(folder, updates):
    assert train("--restart") == 0
    assert len(updates) == STEPS
    assert (RUN / "state.old1" / "finished" / WEIGHTS).exists()
    assert not (RUN / "state").exists()


def test_without_the_workflow_nothing_is_kept(folder, updates):
    shutil.rmtree(RUN)
    assert train() == 0
    assert sorted(path.name for path in RUN.iterdir()) == ["checkpoints", CURVE, WEIGHTS]


def test_weights_of_other_data_are_refused(folder, updates, capsys, monkeypatch):
    def other_data(study, dataset):
        return read_manifest(study, dataset) | {"data_hash": "0" * 64}

    monkeypatch.setattr("ddpm.commands.training_job.read_manifest", other_data)
    assert train() == 2
    assert "trained on other data; --restart trains anew" in capsys.readouterr().err
    assert updates == []
