"""An interrupted run is the uninterrupted one, bit for bit; nothing that was saved is lost."""

import logging
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from tiny import STEPS, training
from waiting import PATIENCE

from ddpm.errors import OutputError, StateError
from ddpm.training.loop import Stopped
from ddpm.training.signals import StopRequest
from ddpm.training.state import SavedState, StateFolder

SCRIPT = Path(__file__).parent / "tiny.py"


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    torch.set_num_threads(1)
    run = training()
    run.run(StateFolder(tmp_path_factory.mktemp("undisturbed"), "tiny"), "tiny")
    return tensors_of(run)


def tensors_of(run) -> dict[str, torch.Tensor]:
    return {name: tensor.clone() for name, tensor in run.state().items()}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    different = [name for name in ours if not torch.equal(ours[name], theirs[name])]
    assert different == []


def stop_at(run, update, number=signal.SIGTERM):
    """Makes a run send itself a signal after an update."""
    original = run.update

    def update_and_signal(batch):
        original(batch)
        if run.updates == update:
            signal.raise_signal(number)

    run.update = update_and_signal


@pytest.mark.parametrize("at", [1, 7, 33, STEPS])
def test_sigterm_saves_and_leaves_and_says_so(at, tmp_path, undisturbed, caplog, monkeypatch):
    monkeypatch.setattr(logging.getLogger("ddpm"), "propagate", True)
    caplog.set_level(logging.INFO, "ddpm")
    torch.set_num_threads(1)
    first = training()
    stop_at(first, at)
    with pytest.raises(Stopped) as stopped:
        first.run(StateFolder(tmp_path, "tiny"), "tiny")
    assert stopped.value.code == 128 + signal.SIGTERM
    second = training(seed=0)
    said = f"tiny: SIGTERM: the state is saved at step {at} of {STEPS}; the same command goes on from there"
    assert said in caplog.messages
    second.run(StateFolder(tmp_path, "tiny"), "tiny")
    assert (f"tiny: goes on from the saved state, step {at}" in caplog.messages) == (at < STEPS)
    assert_same(tensors_of(second), undisturbed)


@pytest.mark.slow
@pytest.mark.parametrize(("number", "places"), [(signal.SIGKILL, (3, 20, 41)), (signal.SIGUSR1, (20,))])
def test_killed_process(number, places, tmp_path, undisturbed):
    """A process killed in the middle, again and again, ends with the undisturbed run's bits."""
    state = StateFolder(tmp_path / "state", "tiny")
    killed = number == signal.SIGKILL
    for place in places:
        with tiny_process(state.folder, place) as process:
            assert process.stdout.readline() == "waits\n"
            process.send_signal(number)
            process.communicate(timeout=PATIENCE)
        assert process.returncode == (-number if killed else 128 + number)
        # Whoever is asked to stop makes the update that is under way.
        assert state.load().updates == (place if killed else place + 1)
    with tiny_process(state.folder, STEPS) as process:
        assert process.communicate(timeout=PATIENCE)[0] == f"trained {STEPS}\n"
    assert_same(dict(state.load().tensors), undisturbed)


def tiny_process(folder: Path, place: int) -> subprocess.Popen:
    """Trains in a process of its own, which waits as it comes to an update."""
    command = [sys.executable, SCRIPT, folder, str(place)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


def state_of(updates: int) -> SavedState:
    return SavedState({"x": torch.full((100,), float(updates))}, updates)


def test_latest_and_previous_are_kept(tmp_path):
    states = StateFolder(tmp_path, "a")
    assert states.load() is None
    for updates in (1, 2, 3):
        states.save(state_of(updates))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest.safetensors", "previous.safetensors"]
    assert states.load().updates == 3
    assert float(load_file(states.previous)["x"][0]) == 2


@pytest.mark.parametrize("damage", ["truncate", "flip", "remove"])
def test_a_damaged_state_falls_back_to_the_previous_one(tmp_path, damage):
    states = StateFolder(tmp_path, "a")
    states.save(state_of(1))
    states.save(state_of(2))
    content = bytearray(states.latest.read_bytes())
    if damage == "truncate":
        states.latest.write_bytes(content[: len(content) // 2])
    elif damage == "flip":
        content[-1] ^= 1
        states.latest.write_bytes(content)
    else:
        states.latest.unlink()
    assert states.load().updates == 1


def test_all_states_damaged(tmp_path):
    states = StateFolder(tmp_path, "a")
    states.save(state_of(1))
    states.latest.write_bytes(b"")
    with pytest.raises(
        StateError, match=r"every saved training state is damaged \(latest\.safetensors\); delete"
    ):
        states.load()
    assert states.latest.exists()


def test_a_state_of_other_settings_is_refused_and_kept(tmp_path):
    StateFolder(tmp_path / "state", "a").save(state_of(5))
    with pytest.raises(StateError, match=r"other settings \(a, not b\).*--restart"):
        StateFolder(tmp_path / "state", "b").load()
    assert StateFolder(tmp_path / "state", "a").load().updates == 5


def test_a_failed_save_keeps_what_was_saved(tmp_path, monkeypatch):
    states = StateFolder(tmp_path, "a")
    states.save(state_of(1))

    def full(handle):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    with pytest.raises(OutputError, match="the disk is full"):
        states.save(state_of(2))
    assert states.load().updates == 1
    assert [path.name for path in tmp_path.iterdir()] == ["latest.safetensors"]


def test_stop_request_restores_the_handlers():
    before = signal.getsignal(signal.SIGTERM)
    with StopRequest() as stop:
        assert not stop
        signal.raise_signal(signal.SIGUSR1)
        signal.raise_signal(signal.SIGTERM)
        assert stop
        assert stop.signal == signal.SIGUSR1
    assert signal.getsignal(signal.SIGTERM) == before


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGUSR1, signal.SIGINT, signal.SIGHUP])
def test_the_only_save_is_that_at_the_signal(tmp_path, undisturbed, number):
    """Saves by the clock are hours away."""
    torch.set_num_threads(1)
    states = StateFolder(tmp_path, "tiny")
    first = training(save_every_minutes=600.0)
    stop_at(first, 7, number)
    # Neither ignored, as SIGHUP is under nohup, nor the end of the tests if training does not handle it.
    before = signal.signal(number, lambda *_: None)
    try:
        with pytest.raises(Stopped) as stopped:
            first.run(states, "tiny")
    finally:
        signal.signal(number, before)
    assert stopped.value.code == 128 + number
    saved = states.load()
    assert saved is not None
    assert saved.updates == 7
    assert not states.previous.exists()
    second = training(save_every_minutes=600.0)
    second.run(states, "tiny")
    assert_same(tensors_of(second), undisturbed)


def test_under_nohup_a_lost_connection_stops_nothing(tmp_path, undisturbed):
    torch.set_num_threads(1)
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        run = training(save_every_minutes=600.0)
        stop_at(run, 7, signal.SIGHUP)
        run.run(StateFolder(tmp_path, "tiny"), "tiny")
    finally:
        signal.signal(signal.SIGHUP, before)
    assert_same(tensors_of(run), undisturbed)


def test_between_saves_by_the_clock_nothing_is_saved(tmp_path):
    states = StateFolder(tmp_path, "tiny")
    training(steps=3, save_every_minutes=600.0).run(states, "tiny")
    assert states.load() is None
