"""The `ddpm` command: every verb explains itself, and mistakes end at once with what to do."""

import logging
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from safetensors.torch import load_file

from ddpm.cli import VERBS, main
from ddpm.progress import Progress

ROOT = Path(__file__).parent.parent


@pytest.fixture
def short(project: Path) -> Path:
    """A study whose training takes a second."""
    text = (project / "config" / "demo.yaml").read_text()
    lines = []
    for line in text.splitlines():
        key = line.strip().partition(":")[0]
        changes = {
            "channels": "8",
            "groups": "4",
            "steps": "6",
            "batch_size": "8",
            "images": "400",
            "log_every": "2",
        }
        if key in changes and not line.strip().startswith("figure"):
            line = f"{line[: len(line) - len(line.lstrip())]}{key}: {changes[key]}"
        lines.append(line)
    path = project / "config" / "short.yaml"
    path.write_text("\n".join(lines))
    assert main(["data", "config/short.yaml", "digits"]) == 0
    return path


def train(*more: str) -> int:
    return main(["train", "config/short.yaml", "--model", "epsilon_L_simple", "--threads", "1", *more])


def test_every_verb_has_help(capsys):
    for verb in VERBS:
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        assert "study file" in capsys.readouterr().out


def test_help_is_quick():
    """--help and wrong usage load neither torch nor pandas."""
    code = "import sys; from ddpm.cli import main\ntry: main(['--help'])\nexcept SystemExit: pass\n"
    code += "print({'torch', 'pandas', 'matplotlib'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.endswith("set()\n")


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["train", "config/nope.yaml", "--model", "x"], "config/nope.yaml: no such study file"),
        (["train", "config/demo.yaml", "--model", "epsilon_L_simpel"], "did you mean 'epsilon_L_simple'?"),
        (["train", "config/demo.yaml", "--model", "epsilon_L_simple"], "ddpm data config/demo.yaml digits"),
        (["sample", "config/demo.yaml", "--model", "epsilon_L_simple"], "train the model first"),
        (["sample", "config/demo.yaml", "--model", "epsilon_L_simple", "--shard", "99"], "has shards 0 to"),
        (["data", "config/demo.yaml", "mnist"], "mnist"),
        (["train", "config/demo.yaml", "--model", "x", "--device", "cuda"], "torch finds no GPU here"),
        (["quality", "config/demo.yaml", "--model", "epsilon_L_simple"], "ddpm"),
        (["figure", "config/demo.yaml", "figure13"], "shard0.npz"),
        (["table", "config/demo.yaml", "table2"], "results/demo"),
    ],
)
def test_mistakes(words, message, capsys):
    if "cuda" in words:
        import torch

        if torch.cuda.is_available():
            pytest.skip("this machine has a GPU")
    assert main(words) == 2
    assert message in capsys.readouterr().err


def test_training_twice_does_nothing_and_other_settings_are_refused(short, capsys):
    assert train() == 0
    weights = short.parent.parent / "results/short/models/epsilon_L_simple/seed0/weights.safetensors"
    content = weights.read_bytes()
    assert train() == 0
    assert "is complete; --restart trains it anew" in capsys.readouterr().err
    short.write_text(short.read_text().replace("learning_rate: 0.004", "learning_rate: 0.003"))
    assert train() == 2
    assert "trained with other settings" in capsys.readouterr().err
    assert weights.read_bytes() == content
    assert main(["sample", "config/short.yaml", "--model", "epsilon_L_simple"]) == 2
    assert "made with other settings than config/short.yaml has now" in capsys.readouterr().err
    assert train("--restart") == 0
    assert weights.read_bytes() != content


def test_state_of_other_settings_is_refused_and_kept(short, capsys):
    states = short.parent.parent / "results/short/models/epsilon_L_simple/seed0/state"
    import torch

    from ddpm.training.state import SavedState, StateFolder

    StateFolder(states, "other").save(SavedState({"x": torch.zeros(1)}, 3))
    assert train() == 2
    assert "a training state of other settings" in capsys.readouterr().err
    assert (states / "latest.safetensors").exists()
    assert train("--restart") == 0
    assert (states.parent / "state.old1" / "latest.safetensors").exists()


def test_truncated_weights_and_image_of_the_wrong_shape(short, capsys):
    import numpy as np

    assert train() == 0
    home = short.parent.parent / "results/short"
    weights = home / "models/epsilon_L_simple/seed0/weights.safetensors"
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    assert main(["sample", "config/short.yaml", "--model", "epsilon_L_simple"]) == 2
    assert "weights.safetensors: truncated" in capsys.readouterr().err
    weights.write_bytes(whole)
    np.save(home / "data/digits/train.npy", np.zeros((1297, 1, 9, 9), np.uint8))
    shutil.rmtree(weights.parent)
    assert train() == 2
    assert "is uint8 [1297, 1, 9, 9], but its manifest says uint8 [1297, 1, 8, 8]" in capsys.readouterr().err


def test_weights_of_another_network(short, capsys):
    assert train() == 0
    short.write_text(short.read_text().replace("channels: 8", "channels: 16"))
    assert main(["sample", "config/short.yaml", "--model", "epsilon_L_simple"]) == 2
    assert "weights of another network" in capsys.readouterr().err


def test_a_results_folder_that_cannot_be_written(project, capsys):
    (project / "results").write_text("a file where the folder should be")
    assert main(["data", "config/demo.yaml", "digits"]) == 2
    assert "results/demo/data/digits/.writable: cannot be written" in capsys.readouterr().err
    assert (project / "results").read_text() == "a file where the folder should be"


def test_a_disk_that_fills_up_during_training(short, small_disk, capsys, monkeypatch):
    """Data fit onto the small disk, the training state does not; no half file is left behind."""
    shutil.copytree(short.parent, small_disk / "config")
    monkeypatch.chdir(small_disk)
    assert main(["data", "config/short.yaml", "digits"]) == 0
    before = {path for path in small_disk.rglob("*") if path.is_file()}
    assert train() == 2
    assert "cannot be written (the disk is full: free some space" in capsys.readouterr().err
    assert {path for path in small_disk.rglob("*") if path.is_file()} == before


def test_two_runs_give_the_same_bits(short):
    assert train() == 0
    weights = short.parent.parent / "results/short/models/epsilon_L_simple/seed0/weights.safetensors"
    first = load_file(weights)
    assert train("--restart") == 0
    second = load_file(weights)
    assert all((first[name] == second[name]).all() for name in first)


def test_an_unexpected_error_is_in_the_log(project, monkeypatch):
    import ddpm.commands.data

    def broken(study, arguments):
        raise ZeroDivisionError("in the verb")

    monkeypatch.setattr(ddpm.commands.data, "run", broken)
    assert main(["data", "config/demo.yaml", "digits", "--log", "data.log"]) == 1
    log = Path("data.log").read_text()
    assert "unexpected error" in log
    assert "ZeroDivisionError: in the verb" in log


def test_exceeding_the_gpus_memory_is_an_error_with_remedies(project, monkeypatch):
    import ddpm.commands.data

    def large(study, arguments):
        import torch

        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 10 GiB")

    monkeypatch.setattr(ddpm.commands.data, "run", large)
    assert main(["data", "config/demo.yaml", "digits", "--log", "data.log"]) == 2
    log = Path("data.log").read_text()
    assert "error: data: the GPU's memory is exceeded (CUDA out of memory)" in log
    assert "batch_size" in log
    assert "Traceback" not in log


def test_log_file(short, project):
    assert train("--log", "logs/train.log") == 0
    assert "epsilon_L_simple seed 0: 6/6 steps" in Path("logs/train.log").read_text()


def test_progress_line(monkeypatch):
    now = [100.0]
    monkeypatch.setattr("ddpm.progress.time", SimpleNamespace(monotonic=lambda: now[0]))
    progress = Progress("train x seed 0", 1000, "steps", done=400)
    assert progress.line() == "train x seed 0: 400/1,000 steps, 0 steps/s, time left unknown"
    now[0] += 10
    progress.done = 500
    assert progress.line("loss 0.1") == "train x seed 0: 500/1,000 steps, 10 steps/s, 50 s left, loss 0.1"
    now[0] += 3590
    progress.done = 1000
    assert progress.line().endswith("done in 1 h 00 min")


def test_progress_in_a_log_is_a_line_now_and_then(monkeypatch):
    lines = []
    monkeypatch.setattr(logging.getLogger("ddpm"), "info", lines.append)
    monkeypatch.setattr("ddpm.progress.SECONDS_BETWEEN_LINES", 0.0)
    with Progress("work", 3, "pieces") as progress:
        for _ in range(3):
            progress.advance()
    assert [line.split(",")[0] for line in lines] == [f"work: {done}/3 pieces" for done in (1, 2, 3)]
    monkeypatch.setattr("ddpm.progress.SECONDS_BETWEEN_LINES", 60.0)
    with Progress("quick work", 3, "pieces") as progress:
        for _ in range(3):
            progress.advance()
    assert [line.split(",")[0] for line in lines[3:]] == ["quick work: 3/3 pieces"]
