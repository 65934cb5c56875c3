"""Snakemake is killed just after training has ended: no step is made again, unless that is asked for."""

import os
import shutil
import time
from pathlib import Path

import pytest
from pausing import ask_to_pause, go_on, paused_trainer
from studies import kill, planned, snakemake, started, tiny_study, write_study
from waiting import PATIENCE, wait_for

from ddpm.network.weights import read_weights
from ddpm.versions.noted import remove_noted
from ddpm.versions.records import RECORDS, is_marked_unfinished, made_here, record

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
MODEL = "epsilon_L_fixed"
RUN = Path(f"results/tiny/models/{MODEL}/seed0")
OUTPUTS = [str(RUN / name) for name in ("weights.safetensors", "training.parquet")]
TARGET = OUTPUTS[0]
KEPT = RUN / "state" / "finished"
LOG = Path(f"results/tiny/logs/train/{MODEL}.seed0.log")


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("undisturbed")
    write_study(folder, tiny_study())
    snakemake(folder, TARGET, "--cores", "1")
    return folder


@pytest.fixture
def folder(undisturbed, tmp_path, monkeypatch) -> Path:
    """A working folder with the data set, as Snakemake made it; the current one."""
    write_study(tmp_path, tiny_study())
    monkeypatch.chdir(tmp_path)
    snakemake(tmp_path, "results/tiny/data/digits/manifest.json", "--cores", "1")
    return tmp_path


def weights_hash(folder: Path) -> str:
    return read_weights(folder / TARGET)[1]["weights_hash"]


def has_trained() -> bool:
    """Whether the last training job made steps, by its progress."""
    return "steps" in LOG.read_text()


@pytest.fixture
def killed(folder, undisturbed) -> Path:
    """Snakemake and its jobs were killed after training had ended and before Snakemake noted it."""
    ask_to_pause(RUN, "end")
    with started(folder, TARGET) as process:
        paused_trainer(RUN, process)
        kill(process)
    assert KEPT.exists()
    assert not list(KEPT.parent.glob("*.safetensors"))
    assert all(map(is_marked_unfinished, OUTPUTS))
    assert weights_hash(folder) == weights_hash(undisturbed)
    return folder


def test_nothing_is_kept_of_what_was_noted(undisturbed):
    assert "steps" in (undisturbed / LOG).read_text()
    assert sorted(path.name for path in (undisturbed / RUN).iterdir()) == [
        "training.parquet",
        "weights.safetensors",
    ]


def test_finished_training_is_not_made_again(killed, undisturbed):
    before = Path(TARGET).stat()
    assert planned(killed, TARGET) == {f"train {MODEL} 0"}
    output = snakemake(killed, TARGET, "--cores", "1")
    assert "had been finished" in output
    assert not has_trained()
    # Snakemake had deleted it, and it was as new as a job's output must be.
    assert Path(TARGET).stat().st_mtime_ns > before.st_mtime_ns
    assert Path(TARGET).stat().st_ino == before.st_ino
    assert weights_hash(killed) == weights_hash(undisturbed)
    assert not (RUN / "state").exists()
    assert "Nothing to be done" in snakemake(killed, TARGET, "--cores", "1")


def test_other_settings_are_trained_after_it(killed):
    study = tiny_study()
    study["defaults"]["training"]["learning_rate"] = 0.001
    write_study(killed, study)
    before = weights_hash(killed)
    snakemake(killed, TARGET, "--cores", "1")
    assert has_trained()
    assert weights_hash(killed) != before
    assert not (RUN / "state").exists()


def test_a_forced_rerun_trains(undisturbed, tmp_path, monkeypatch):
    folder = shutil.copytree(undisturbed, tmp_path / "work")
    monkeypatch.chdir(folder)
    LOG.unlink()
    snakemake(folder, TARGET, "--cores", "1", "--forcerun", "train")
    assert has_trained()
    assert weights_hash(folder) == weights_hash(undisturbed)


def test_a_job_that_outlives_snakemake_trains_alone(folder, undisturbed):
    """SIGKILL to Snakemake, not to its job; the next start at once."""
    ask_to_pause(RUN, "save")
    with started(folder, TARGET, output="first.txt") as first:
        trainer = paused_trainer(RUN, first)
        first.kill()
        first.wait()
        with started(folder, TARGET, output="second.txt") as second:
            said = f"is being trained by process {trainer} on "
            wait_for(lambda: said in (folder / "second.txt").read_text(), second)
            go_on(trainer)
            assert second.wait(PATIENCE) == 0
    assert "is complete" in (folder / "second.txt").read_text()
    assert not has_trained()
    assert weights_hash(folder) == weights_hash(undisturbed)
    assert not (RUN / "state").exists()


def test_what_a_trainer_put_in_place_after_its_workflow_had_ended_is_not_kept(killed):
    """Its marks went with the failed job that waited for this trainer; nobody records the end."""
    assert not any(map(made_here, OUTPUTS))
    for file in OUTPUTS:
        remove_noted()
        assert KEPT.exists()
        record(Path(".snakemake/incomplete"), file).unlink()
    assert planned(killed, TARGET) == set()
    assert not (RUN / "state").exists()
    assert Path(TARGET).exists()


def test_what_is_kept_goes_when_both_results_are_noted_and_there(killed):
    weights, curve = OUTPUTS

    def note(file: str) -> None:
        record(RECORDS, file).write_text("{}")
        record(Path(".snakemake/incomplete"), file).unlink()

    def is_kept() -> bool:
        remove_noted()
        return KEPT.exists()

    assert is_kept()
    note(weights)
    assert made_here(weights)
    assert not is_marked_unfinished(weights)
    assert is_kept()
    note(curve)
    # A failed job has a record too, but no outputs.
    content = Path(curve).read_bytes()
    Path(curve).unlink()
    assert is_kept()
    Path(curve).write_bytes(content)
    later = time.time_ns()
    os.utime(record(RECORDS, curve), ns=(later, later))
    # Kept, but not yet put in place.
    os.utime(KEPT / "training.parquet", ns=(later + 1, later + 1))
    assert is_kept()
    os.utime(record(RECORDS, curve), ns=(later + 2, later + 2))
    assert not is_kept()
    assert not (RUN / "state").exists()
    assert Path(weights).exists()
