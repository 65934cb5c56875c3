"""Two trainers of one run: the second waits for the first, whatever becomes of that, and then looks again."""

import contextlib
import errno
import os
import shutil
import signal

import pytest
from pausing import training_lock
from safetensors.torch import load_file
from short_study import RUN, messages, start, start_and_pause, write_study
from waiting import PATIENCE, wait_for

from ddpm.cli import main
from ddpm.errors import OutputError
from ddpm.records.locks import SignedLock
from ddpm.training.one_trainer import _Waiting, one_trainer
from ddpm.training.signals import Stopped

DATA = ["data", "config/short.yaml", "digits"]


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    write_study(folder)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(DATA) == 0
    return folder


@pytest.fixture
def folder(data, tmp_path):
    return shutil.copytree(data, tmp_path / "work")


@pytest.fixture
def trainers(folder):
    """A paused trainer, and a second one that waits for it; those that still live are killed at the end."""
    first = start_and_pause(folder)
    second = start(folder)
    wait_for(lambda: "is being trained by" in messages(folder, 2), second)
    yield first, second
    for process in (first, second):
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def ends(process) -> int:
    return process.wait(timeout=PATIENCE)


def test_the_second_waits_and_finds_the_work_done(folder, trainers):
    first, second = trainers
    assert f"is being trained by process {first.pid} on " in messages(folder, 2)
    first.send_signal(signal.SIGCONT)
    assert (ends(first), ends(second)) == (0, 0)
    assert "40/40 steps" in messages(folder, 1)
    said = messages(folder, 2)
    assert "weights.safetensors is complete" in said
    assert "steps/s" not in said
    assert said.count("is being trained by") == 1
    assert not training_lock(folder / RUN).exists()


@pytest.mark.slow
def test_the_second_continues_what_a_killed_first_had_saved(folder, trainers, tmp_path, data):
    first, second = trainers
    first.send_signal(signal.SIGKILL)
    assert ends(second) == 0
    assert "40/40 steps" in messages(folder, 2)
    other = shutil.copytree(data, tmp_path / "undisturbed")
    assert ends(start(other)) == 0
    ours, theirs = (load_file(place / RUN / "weights.safetensors") for place in (folder, other))
    assert all((ours[name] == theirs[name]).all() for name in theirs)


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1])
def test_a_signal_ends_the_waiting(folder, trainers, number):
    first, second = trainers
    saved = (folder / RUN / "state" / "latest.safetensors").stat()
    second.send_signal(number)
    assert ends(second) == 128 + number
    assert training_lock(folder / RUN).exists()
    assert (folder / RUN / "state" / "latest.safetensors").stat() == saved
    first.send_signal(signal.SIGCONT)
    assert ends(first) == 0


@pytest.mark.slow
def test_several_processes_wait_together(folder):
    first = start_and_pause(folder)
    second = start(folder, "--processes", "2")
    try:
        wait_for(lambda: "is being trained by" in messages(folder, 2), second)
        first.send_signal(signal.SIGKILL)
        assert ends(second) == 0
    finally:
        first.kill()
        second.kill()
    said = messages(folder, 2)
    assert said.count("40/40 steps") == said.count("is being trained by") == 1
    assert (folder / RUN / "weights.safetensors").exists()
    assert not training_lock(folder / RUN).exists()


def test_without_locks_it_trains_and_says_so(folder, monkeypatch, capsys):
    def no_locks(handle, operation):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    monkeypatch.chdir(folder)
    monkeypatch.setattr("fcntl.flock", no_locks)
    assert main(["train", "config/short.yaml", "--model", "epsilon_L_simple", "--threads", "1"]) == 0
    assert capsys.readouterr().err.count("this file system knows no locks") == 1
    assert (folder / RUN / "weights.safetensors").exists()


def test_it_is_said_now_and_then_that_it_still_waits(tmp_path, monkeypatch):
    said = []
    monkeypatch.setattr("ddpm.training.one_trainer.logger.info", said.append)
    held = SignedLock(tmp_path / "lock")
    assert held.take()
    waiting = _Waiting(SignedLock(tmp_path / "lock"), "train x")
    for _ in range(3):
        waiting.say()
    monkeypatch.setattr("ddpm.training.one_trainer._SECONDS_BETWEEN_LINES", 0.0)
    waiting.say()
    assert [line.split(" by ")[0].split(" for ")[0] for line in said] == [
        "train x: is being trained",
        "train x: still waiting",
    ]
    assert all(f"process {os.getpid()} on " in line for line in said)
    held.release()


def test_a_signal_while_the_lock_is_taken_is_not_lost(tmp_path, monkeypatch):
    take = SignedLock.take

    def take_and_signal(lock):
        signal.raise_signal(signal.SIGTERM)
        return take(lock)

    monkeypatch.setattr(SignedLock, "take", take_and_signal)
    with pytest.raises(Stopped) as stopped, one_trainer(tmp_path / "lock", "train x"):
        raise AssertionError
    assert stopped.value.code == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with (
        pytest.raises(OutputError, match="cannot be written"),
        one_trainer(tmp_path / "file" / "lock", "train x"),
    ):
        pass
