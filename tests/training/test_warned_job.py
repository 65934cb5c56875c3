"""A signal in a Slurm job: whether the job is queued again, and what the run's history says."""

import logging
import re
import signal

import pytest
import torch
from tiny import STEPS, training

from ddpm.errors import OutputError
from ddpm.training import loop
from ddpm.training.history import History
from ddpm.training.signals import Stopped
from ddpm.training.state import StateFolder


@pytest.fixture
def asked(monkeypatch):
    """The rules whose jobs Slurm is asked to queue again; it does."""
    torch.set_num_threads(1)
    rules = []
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setattr(loop, "requeue", lambda rule: not rules.append(rule))
    return rules


def attempt(folder, number=None, at=3, history=True):
    """A training run that sends itself a signal after update `at`."""
    run = training(steps=6)
    original = run.update

    def update(batch):
        original(batch)
        if number and run.updates == at:
            signal.raise_signal(number)

    run.update = update
    told = History(folder / "logs" / "history.log", "a processor") if history else None
    return run.run(StateFolder(folder / "state", "tiny"), "tiny", history=told)


def lines(folder) -> list[str]:
    text = (folder / "logs" / "history.log").read_text()
    assert all(re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  ", line) for line in text.splitlines())
    return [line[21:] for line in text.splitlines()]


def test_a_warned_job_is_queued_again_and_its_history_tells_all_attempts(
    asked, tmp_path, caplog, monkeypatch
):
    monkeypatch.setattr(logging.getLogger("ddpm"), "propagate", True)
    caplog.set_level(logging.INFO, "ddpm")
    with pytest.raises(Stopped) as stopped:
        attempt(tmp_path, signal.SIGTERM)
    assert (stopped.value.code, asked) == (143, ["train"])
    assert "tiny: SIGTERM; Slurm queues job 12 again: the state is saved at step 3 of 6" in caplog.text
    attempt(tmp_path)
    first, second, third, fourth = lines(tmp_path)
    assert first.startswith("from step 0 of 6 on ")
    assert first.endswith(", Slurm job 12, a processor")
    assert second == "to step 3: SIGTERM; Slurm queues job 12 again"
    assert third.startswith("from step 3 of 6 on ")
    assert fourth == "to step 6: trained"


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGHUP])
def test_a_run_that_its_user_stops_is_not_queued_again(number, asked, tmp_path):
    # Under nohup SIGHUP would be ignored.
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(Stopped):
            attempt(tmp_path, number)
    finally:
        signal.signal(number, before)
    assert asked == []
    assert lines(tmp_path)[-1] == f"to step 3: {number.name}"


def test_a_job_that_came_to_nothing_is_not_queued_again(asked, tmp_path, monkeypatch):
    """Else one whose time is too short for a single update would come back for ever."""
    attempt(tmp_path)
    run = training(steps=STEPS)
    # The signal comes before the first update counts.
    run.update = lambda batch: signal.raise_signal(signal.SIGTERM)
    with pytest.raises(Stopped):
        run.run(StateFolder(tmp_path / "state", "tiny"), "tiny")
    assert asked == []


def test_an_error_stands_in_the_history_and_a_finished_run_adds_nothing(asked, tmp_path, monkeypatch):
    def full(*_):
        raise OutputError("state: cannot be written (the disk is full)\nmore")

    with monkeypatch.context() as patch:
        patch.setattr(StateFolder, "save", full)
        with pytest.raises(OutputError):
            attempt(tmp_path)
    assert lines(tmp_path)[-1] == "to step 1: OutputError: state: cannot be written (the disk is full)"
    attempt(tmp_path)
    before = lines(tmp_path)
    attempt(tmp_path)
    assert lines(tmp_path) == before


def test_a_history_that_cannot_be_written_stops_nothing(asked, tmp_path):
    (tmp_path / "logs").write_text("a file in the place of the folder")
    assert attempt(tmp_path).status == "trained"
