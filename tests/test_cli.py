"""The `ddpm` command: every verb explains itself, and mistakes end at once with what to do."""

import logging
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import ddpm.commands.data
from ddpm.cli import main, verbs
from ddpm.errors import DataError
from ddpm.progress import Progress

RUN = Path("results/short/models/epsilon_L_simple/seed0")
WEIGHTS = RUN / "weights.safetensors"


@pytest.fixture
def short(project: Path) -> Path:
    """A study whose training takes a second."""
    path = project / "config" / "short.yaml"
    path.write_text(
        """extends: demo.yaml
defaults:
  network: {channels: 8, groups: 4}
  training: {steps: 6, batch_size: 8, log_every: 2, learning_rate: 0.004}
"""
    )
    assert main(["data", "config/short.yaml", "digits"]) == 0
    return path


def train(*more: str) -> int:
    return main(["train", "config/short.yaml", "--model", "epsilon_L_simple", "--threads", "1", *more])


def sample() -> int:
    return main(["sample", "config/short.yaml", "--model", "epsilon_L_simple"])


def test_every_verb_has_help(capsys):
    assert {"fetch", "train", "table", "show"} < verbs().keys()
    for verb in verbs():
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


SIMPLE = "config/demo.yaml --model epsilon_L_simple"


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("train config/nope.yaml --model x", "config/nope.yaml: no such study file"),
        ("train config/demo.yaml --model epsilon_L_simpel", "(did you mean 'epsilon_L_simple'?)"),
        ("train config/demo.yaml --model x", "no model is named 'x' (known: mu_tilde_L_learned, "),
        (f"train {SIMPLE}", "ddpm data config/demo.yaml digits"),
        (f"sample {SIMPLE}", "train the model first"),
        (f"sample {SIMPLE} --shard 99", "has shards 0 to"),
        ("data config/demo.yaml mnist", "mnist"),
        (f"quality {SIMPLE}", "ddpm"),
        ("figure config/demo.yaml figure13", "shard0.npz"),
        ("table config/demo.yaml table2", "results/demo"),
    ],
)
def test_mistakes(words, message, capsys):
    assert main(words.split()) == 2
    assert message in capsys.readouterr().err


def test_training_twice_does_nothing_and_weights_of_other_settings_are_refused(short, capsys):
    assert train("--log", "logs/train.log") == 0
    assert "epsilon_L_simple seed 0: 6/6 steps" in Path("logs/train.log").read_text()
    content, first = WEIGHTS.read_bytes(), load_file(WEIGHTS)
    assert train() == 0
    assert "is complete; --restart trains it anew" in capsys.readouterr().err
    assert WEIGHTS.read_bytes() == content
    # Two runs give the same bits.
    assert train("--restart") == 0
    second = load_file(WEIGHTS)
    assert all((first[name] == second[name]).all() for name in first)
    content = WEIGHTS.read_bytes()

    settings = short.read_text()
    short.write_text(settings.replace("learning_rate: 0.004", "learning_rate: 0.003"))
    assert sample() == 2
    assert "made with other settings than config/short.yaml has now" in capsys.readouterr().err
    assert WEIGHTS.read_bytes() == content
    short.write_text(settings.replace("channels: 8", "channels: 16"))
    assert sample() == 2
    assert "weights of another network" in capsys.readouterr().err


@pytest.mark.usefixtures("short")
def test_truncated_weights_and_image_of_the_wrong_shape(capsys):
    assert train() == 0
    whole = WEIGHTS.read_bytes()
    WEIGHTS.write_bytes(whole[:1000])
    assert sample() == 2
    assert "weights.safetensors: truncated" in capsys.readouterr().err
    WEIGHTS.write_bytes(whole)
    np.save("results/short/data/digits/train.npy", np.zeros((1297, 1, 9, 9), np.uint8))
    shutil.rmtree(RUN)
    assert train() == 2
    assert "is uint8 [1297, 1, 9, 9], but its manifest says uint8 [1297, 1, 8, 8]" in capsys.readouterr().err


@pytest.mark.usefixtures("project")
def test_a_results_folder_that_cannot_be_written(capsys):
    Path("results").write_text("a file where the folder should be")
    assert main(["data", "config/demo.yaml", "digits"]) == 2
    assert "results/demo/data/digits/.writable: cannot be written" in capsys.readouterr().err
    assert Path("results").read_text() == "a file where the folder should be"


def test_a_disk_that_fills_up_during_training(short, small_disk, capsys, monkeypatch):
    """Data fit onto the small disk, the training state does not; no half file is left behind."""
    shutil.copytree(short.parent, small_disk / "config")
    monkeypatch.chdir(small_disk)
    assert main(["data", "config/short.yaml", "digits"]) == 0
    before = {path for path in small_disk.rglob("*") if path.is_file()}
    assert train() == 2
    assert "cannot be written (the disk is full: free some space" in capsys.readouterr().err
    after = {path for path in small_disk.rglob("*") if path.is_file()}
    assert {path.name for path in after - before} == {"run.json"}


@pytest.mark.parametrize(
    ("error", "status", "messages"),
    [
        (ZeroDivisionError("in the verb"), 1, ["unexpected error", "ZeroDivisionError: in the verb"]),
        (
            torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB. GPU 0 has 10 GiB"),
            2,
            ["error: data: the GPU's memory is exceeded (CUDA out of memory)", "batch_size"],
        ),
        (
            RuntimeError(
                "[enforce fail] DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 TB"
            ),
            2,
            ["error: data: the machine's memory is exceeded", "sampling.batch_size"],
        ),
        (MemoryError(), 2, ["the machine's memory is exceeded (MemoryError)", "`snakemake --cores 1`"]),
        (KeyboardInterrupt(), 130, ["interrupted"]),
    ],
)
@pytest.mark.usefixtures("project")
def test_errors_of_a_verb_are_in_the_log(error, status, messages, monkeypatch):
    def broken(study, arguments):
        raise error

    monkeypatch.setattr(ddpm.commands.data, "run", broken)
    assert main(["data", "config/demo.yaml", "digits", "--log", "data.log"]) == status
    log = Path("data.log").read_text()
    assert all(message in log for message in messages)
    assert ("Traceback" in log) == (status == 1)


@pytest.mark.usefixtures("project")
def test_a_name_that_is_not_utf8_does_not_empty_the_log(monkeypatch):
    def broken(study, arguments):
        raise DataError("caf\udce9.png: no image")

    monkeypatch.setattr(ddpm.commands.data, "run", broken)
    assert main(["data", "config/demo.yaml", "digits", "--log", "data.log"]) == 2
    assert r"error: caf\udce9.png: no image" in Path("data.log").read_text()


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


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
@pytest.mark.usefixtures("project")
def test_a_signal_leaves_no_temporary_folder(number, tmp_path, monkeypatch):
    def interrupted(study, options):
        with tempfile.TemporaryDirectory(dir=tmp_path, prefix="features-"):
            assert list(tmp_path.glob("features-*"))
            signal.raise_signal(number)

    monkeypatch.setattr(ddpm.commands.data, "run", interrupted)
    # Where the tests run under nohup, SIGHUP is ignored.
    before = signal.signal(number, signal.SIG_DFL)
    try:
        with pytest.raises(SystemExit) as ended:
            main(["data", "config/demo.yaml", "digits"])
        assert signal.getsignal(number) == signal.SIG_DFL
    finally:
        signal.signal(number, before)
    assert ended.value.code == 128 + number
    assert not list(tmp_path.glob("features-*"))


def test_make_clean_keeps_results():
    if shutil.which("make") is None:
        pytest.skip("there is no make here")
    root = Path(__file__).parents[1]
    told = subprocess.run(
        ["make", "-n", "clean"], cwd=root, capture_output=True, text=True, check=True
    ).stdout
    assert ".pytest_cache" in told
    assert not any(name in told for name in ("results", ".snakemake", "resources", ".venv", "config"))
