"""`ddpm train --processes 2`: stopped or killed in any way, it ends with the undisturbed run's weights."""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest
import torch
from pausing import ask_to_pause, environment, go_on, is_pending, paused_trainer
from safetensors.torch import load_file
from waiting import PATIENCE, wait_for

from ddpm.cli import main
from ddpm.errors import StateError
from ddpm.training.launch import _raise_cause
from ddpm.training.ranks import LOST_STATUS
from ddpm.training.signals import Stopped

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[2]
MODEL = "epsilon_L_simple"
STUDY = f"""
extends: demo.yaml
defaults:
  network: {{channels: 8, dropout: 0.1, groups: 4}}
  training: {{steps: 40, batch_size: 8, log_every: 20, save_every_minutes: 0, flip: true}}
models:
  {MODEL}:
    checkpoints: {{steps: [10, 20]}}
"""


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A working folder with a study and its data."""
    folder = tmp_path_factory.mktemp("launched")
    shutil.copytree(ROOT / "config", folder / "config")
    (folder / "config" / "short.yaml").write_text(STUDY)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        assert main(["data", "config/short.yaml", "digits"]) == 0
    return folder


def copy(home: Path, name: str) -> Path:
    return shutil.copytree(home, home.with_name(f"{home.name}-{name}"))


def run_folder(folder: Path) -> Path:
    return folder / f"results/short/models/{MODEL}/seed0"


def start(folder: Path, processes: int = 2) -> subprocess.Popen:
    words = ["train", "config/short.yaml", "--model", MODEL, "--processes", str(processes), "--threads", "1"]
    words += ["--log", "train.log"]
    command = [sys.executable, "-m", "ddpm.cli", *words]
    return subprocess.Popen(command, cwd=folder, env=environment(), stderr=subprocess.PIPE, text=True)


def finish(folder: Path, processes: int = 2) -> str:
    """Trains to the end; returns what was said."""
    process = start(folder, processes)
    _, said = process.communicate(timeout=PATIENCE)
    assert process.returncode == 0, said
    return said


def start_and_pause(folder: Path) -> tuple[subprocess.Popen, dict[int, int]]:
    """Starts training, which pauses as soon as it has saved a state; also the process ids by rank."""
    ask_to_pause(run_folder(folder), "save")
    launcher = start(folder)
    first = paused_trainer(run_folder(folder), launcher)
    pids = {
        int(rank): child.pid
        for child in psutil.Process(launcher.pid).children()
        if (rank := child.environ().get("RANK"))
    }
    assert sorted(pids) == [0, 1]
    assert pids[0] == first
    return launcher, pids


def is_gone(pid: int) -> bool:
    """Whether a process has ended; where nobody asks for its status, a zombie stays."""
    try:
        return psutil.Process(pid).status() == psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return True


def disturb(folder: Path, number: signal.Signals, rank: int | None) -> tuple[int, str]:
    """Sends a signal to a process (None: the launcher); returns the launcher's exit status and words."""
    launcher, pids = start_and_pause(folder)
    os.kill(launcher.pid if rank is None else pids[rank], number)
    if rank is None:
        # The launcher, or the kernel after its death, tells the processes to stop.
        wait_for(lambda: is_pending(pids[0], signal.SIGTERM))
    go_on(pids[0])
    _, said = launcher.communicate(timeout=PATIENCE)
    wait_for(lambda: all(map(is_gone, pids.values())))
    assert "Traceback" not in said
    return launcher.returncode, said


def trained(folder: Path) -> dict[str, torch.Tensor]:
    return load_file(run_folder(folder) / "weights.safetensors")


@pytest.fixture(scope="module")
def undisturbed(home):
    """The folder of a run of two processes that nothing disturbed, and what it said."""
    folder = copy(home, "undisturbed")
    return folder, finish(folder)


@pytest.fixture(scope="module")
def disturbed(home):
    """The folder of a run that was disturbed in all ways, the state after the first time, exits and words."""
    folder, seen = copy(home, "disturbed"), {}
    seen["stopped launcher"] = disturb(folder, signal.SIGTERM, None)
    stopped = shutil.copytree(folder, folder.with_name(f"{folder.name}-once"))
    seen["stopped process"] = disturb(folder, signal.SIGUSR1, 1)
    seen["killed process"] = disturb(folder, signal.SIGKILL, 1)
    seen["killed launcher"] = disturb(folder, signal.SIGKILL, None)
    return folder, stopped, seen


def test_the_same_bits_after_all_disturbances(undisturbed, disturbed):
    folder, _, seen = disturbed
    assert seen["stopped launcher"][0] == 128 + signal.SIGTERM
    assert seen["stopped process"][0] == 128 + signal.SIGUSR1
    code, said = seen["killed process"]
    assert code == 2
    assert "a process of the training was killed: 1 (SIGKILL)" in said
    assert "continues from the last saved state" in said
    assert seen["killed launcher"][0] == -signal.SIGKILL
    finish(folder)
    ours, theirs = trained(folder), trained(undisturbed[0])
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_one_process_continues_the_work_of_two(undisturbed, disturbed, monkeypatch):
    """The same to rounding: 1e-4 of the weights' norm."""
    folder = disturbed[1]
    monkeypatch.chdir(folder)
    torch.set_num_threads(1)
    assert main(["train", "config/short.yaml", "--model", MODEL]) == 0
    for name, theirs in trained(undisturbed[0]).items():
        ours = trained(folder)[name]
        assert (ours - theirs).norm() <= 1e-4 * max(float(theirs.norm()), 1.0), name


def test_files_and_messages_come_from_one_process(undisturbed):
    folder, said = undisturbed
    for step in (10, 20):
        assert said.count(f"step{step}.safetensors") == 1
    assert said.count(": trained, 40 steps") == 1
    assert said.count("40/40 steps") == 1
    assert "Traceback" not in said
    assert "process 1" not in said
    assert not list(folder.rglob("*.partial*"))


@pytest.mark.parametrize(
    ("processes", "message"),
    [
        (3, "models.epsilon_L_simple.training.batch_size: 8 images cannot be split among 3 processes"),
        (
            4,
            "training.gradient_clip_shards: 2 parts that are clipped apart cannot be split among 4 processes",
        ),
    ],
)
def test_a_batch_that_cannot_be_split(processes, message, home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    text = STUDY.replace("batch_size: 8", "batch_size: 8, gradient_clip_shards: 2")
    Path("config/shards.yaml").write_text(text)
    words = ["train", "config/shards.yaml", "--model", MODEL, "--processes", str(processes)]
    assert main(["data", "config/shards.yaml", "digits"]) == 0
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_another_number_than_torchruns(home, monkeypatch, capsys):
    monkeypatch.chdir(home)
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "4")
    assert main(["train", "config/short.yaml", "--model", MODEL, "--processes", "2"]) == 2
    assert "torchrun has started 4 processes; leave it out" in capsys.readouterr().err


class Failure:
    def __init__(self, exitcode: int, timestamp: int = 0) -> None:
        self.exitcode, self.timestamp = exitcode, timestamp


@pytest.mark.parametrize(
    ("failures", "code"),
    [
        ([Failure(143), Failure(-15)], 143),
        ([Failure(-15), Failure(LOST_STATUS)], 143),
        # torchrun sends SIGTERM to the others when the first has left.
        ([Failure(138), Failure(143, 1)], 138),
        ([Failure(143), Failure(138)], 138),
        ([Failure(LOST_STATUS), Failure(2)], 2),
        ([Failure(1), Failure(-15), Failure(LOST_STATUS)], 1),
    ],
)
def test_the_cause_is_told_from_its_consequences(failures, code):
    with pytest.raises(SystemExit) as ended:
        _raise_cause(dict(enumerate(failures)))
    assert ended.value.code == code
    assert isinstance(ended.value, Stopped) == (code > 128)


def test_a_process_that_hangs_is_not_taken_for_one_that_was_killed():
    """torchrun kills it, long after the others have given up."""
    with pytest.raises(StateError, match="lost each other"):
        _raise_cause({0: Failure(LOST_STATUS), 1: Failure(-9, 30)})
    with pytest.raises(StateError, match=r"was killed: 1 \(SIGSEGV\)"):
        _raise_cause({0: Failure(LOST_STATUS, 1), 1: Failure(-11)})
