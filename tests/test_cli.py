"""The `ddpm` command: every verb explains itself, and mistakes end at once with what to do."""

import argparse
import io
import logging
import re
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import ddpm.commands.data
from ddpm.cli import STATUSES, _overview, _parser, main, verbs
from ddpm.compression.file_format import CodeFileError
from ddpm.errors import DataError, DDPMError, NotReproducedError
from ddpm.progress import Progress
from ddpm.training.ranks import LOST_STATUS

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


def test_every_verb_has_help_and_an_example_that_parses(capsys):
    assert {"fetch", "train", "table", "show"} < verbs().keys()
    for verb, module in verbs().items():
        with pytest.raises(SystemExit) as ended:
            main([verb, "--help"])
        assert ended.value.code == 0
        said = capsys.readouterr().out
        assert "study file" in said
        assert module.EXAMPLES, verb
        for example in module.EXAMPLES:
            program, *words = shlex.split(example)
            assert f"  {example}\n" in said
            assert (program, words[0]) == ("ddpm", verb)
            _parser(verbs()).parse_args(words)


class Recorded(argparse.ArgumentParser):
    """A parser that keeps the arguments of a verb."""

    def __init__(self, **settings) -> None:
        self.actions: list[argparse.Action] = []
        super().__init__(**settings)

    def add_argument(self, *names, **settings) -> argparse.Action:
        self.actions.append(super().add_argument(*names, **settings))
        return self.actions[-1]


def test_every_argument_has_a_help_that_tells_its_default():
    for verb, module in verbs().items():
        parser = Recorded(prog=verb)
        module.add_arguments(parser)
        for action in parser.actions:
            told, where = action.help or "", f"{verb} {action.dest}"
            assert len(told) >= 10, where
            if action.default not in (None, False, argparse.SUPPRESS):
                assert "default" in told, where


def test_the_help_shows_every_verb_in_its_group_and_the_version(capsys, monkeypatch):
    modules = verbs()
    monkeypatch.delattr(modules["prune"], "GROUP")
    monkeypatch.setattr(modules["prune"], "__doc__", "No group.")
    told = _overview(modules)
    assert told.index("\ndata:\n") < told.index("\ntrain:\n") < told.index("\nevaluate:\n")
    assert re.search(r"\nother:\n  prune +No group\.\n", told)
    for name in modules:
        assert re.search(rf"^  {name} ", told, re.MULTILINE), name
    with pytest.raises(SystemExit):
        main(["--version"])
    assert capsys.readouterr().out == f"ddpm {ddpm.__version__}\n"


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
def test_bash_completes_verbs_options_values_files_and_folders(project, capsys):
    pytest.importorskip("shtab")
    with pytest.raises(SystemExit):
        main(["--print-completion", "bash"])
    Path("completion").write_text(capsys.readouterr().out)
    Path("samples").mkdir()
    Path("digits.ddpm").touch()

    def completed(words: str) -> set[str]:
        """What bash offers for the last word, which may be empty."""
        script = f"source ./completion; COMP_WORDS=({words}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); "
        script += 'complete -p ddpm >&2 && _shtab_ddpm && echo "${COMPREPLY[@]}"'
        run = subprocess.run(["bash", "-c", script], capture_output=True, text=True, check=True)
        assert "-F _shtab_ddpm ddpm" in run.stderr
        return set(run.stdout.split())

    assert completed("ddpm tr") == {"train"}
    assert set(verbs()) <= completed('ddpm ""')
    assert completed("ddpm train --mod") == {"--model"}
    assert completed('ddpm train config/demo.yaml --device ""') == {"auto", "cpu", "cuda"}
    assert completed("ddpm train config/dem") == {"config/demo.yaml"}
    assert completed("ddpm decompress digits.ddpm --output s") == {"samples"}
    assert completed("ddpm doctor config/pil") == {"config/pilot.yaml"}


def test_what_to_install_for_completion(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "shtab", None)
    with pytest.raises(SystemExit) as ended:
        main(["--print-completion", "bash"])
    assert ended.value.code == 2
    assert "pip install shtab" in capsys.readouterr().err


def test_the_documented_statuses_are_those_of_the_errors():
    root = Path(__file__).parents[1]
    sources = "".join(path.read_text() for path in (root / "src" / "ddpm").rglob("*.py"))
    own = {error: error.status for error in CodeFileError.__subclasses__()}
    own[NotReproducedError] = NotReproducedError.status
    statuses = {0, 1, DDPMError.status, *own.values(), LOST_STATUS, 130}
    assert {int(status) for status in re.findall(r"^    status = (\d+)$", sources, re.MULTILINE)} < statuses
    documented = (root / "docs" / "commands.md").read_text()
    table = dict(re.findall(r"^\| (\d+) \| ([^|]+) \|$", documented, re.MULTILINE))
    assert {int(status) for status in table} == statuses
    assert all(f"`{error.__name__}`" in table[str(status)] for error, status in own.items())
    shown = re.findall(r"^  (\d+)(?:-(\d+))? ", STATUSES, re.MULTILINE)
    listed = {n for first, last in shown for n in range(int(first), int(last or first) + 1)}
    assert listed == statuses - {LOST_STATUS}  # one of several processes is told by the one that started it


def test_the_documents_say_what_each_verb_is_for():
    text = (Path(__file__).parents[1] / "docs" / "commands.md").read_text()
    assert not [verb for verb in verbs() if not re.search(rf"^\|.*`ddpm {verb}\b", text, re.MULTILINE)]


@pytest.mark.usefixtures("project")
@pytest.mark.parametrize("debug", [True, False])
def test_debug_shows_the_traceback_of_an_error_that_the_user_can_mend(debug, monkeypatch, capsys):
    words = ["figure", "config/demo.yaml", "figure13", "--log", "x.log", *["--debug"] * debug]
    assert main(words) == 2
    for told in (capsys.readouterr().err, Path("x.log").read_text()):
        assert ("Traceback (most recent call last)" in told) == debug
        assert "error: results/demo" in told


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
def test_tensorboard_where_it_is_installed(capsys, monkeypatch):
    """A stand-in: the package is no requirement. The weights are those of a run without it."""
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert train("--tensorboard", "runs") == 2
    assert "pip install tensorboard" in capsys.readouterr().err
    assert not RUN.exists()
    monkeypatch.setattr("importlib.util.find_spec", lambda name: True)
    points, folders = [], []

    def writer(folder):
        folders.append(folder)
        return SimpleNamespace(add_scalar=lambda *point: points.append(point), flush=lambda: None)

    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", SimpleNamespace(SummaryWriter=writer))
    assert train("--tensorboard", "runs") == 0
    content = WEIGHTS.read_bytes()
    assert folders == ["runs/short/epsilon_L_simple.seed0"]
    assert [step for name, _, step in points if name == "loss"] == [2, 4, 6]
    assert {name for name, _, _ in points} == {"loss", "gradient_norm", "learning_rate"}
    assert train("--restart") == 0
    assert WEIGHTS.read_bytes() == content


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
    assert {path.name for path in after - before} == {"run.json", "epsilon_L_simple.seed0.history.log"}


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


@pytest.mark.parametrize(("terminal", "quiet"), [(True, False), (False, False), (True, True)])
def test_a_log_has_the_lines_of_progress_and_a_terminal_the_bar(terminal, quiet, tmp_path, monkeypatch):
    """Also where a bar is drawn, whose loss an 80-column screen shows; --quiet shows problems alone."""
    screen = io.StringIO()
    screen.isatty = lambda: terminal  # type: ignore[method-assign]
    monkeypatch.setattr("sys.stderr", screen)
    monkeypatch.setattr("ddpm.progress.SECONDS_BETWEEN_LINES", 0.0)
    monkeypatch.setenv("COLUMNS", "80")

    def work(arguments):
        with Progress("train epsilon_L_simple seed 0", 1100, "steps") as progress:
            for _ in range(11):
                time.sleep(0.02)  # tqdm draws ten times a second
                progress.advance(100, "loss 0.1234")
        logging.getLogger("ddpm").warning("a warning")

    monkeypatch.setattr("ddpm.commands.fetch.run", work)
    assert main(["fetch", "x", "--log", str(tmp_path / "x.log"), *["--quiet"] * quiet]) == 0
    log = (tmp_path / "x.log").read_text()
    assert "seed 0: 200/1,100 steps, " in log
    assert ", loss 0.1234" in log
    assert "1,100/1,100 steps" in log
    shown = screen.getvalue()
    assert "a warning" in shown
    assert ("200/1,100 steps" in shown) == (not terminal and not quiet)
    assert ("\r" in shown) == (terminal and not quiet)
    assert bool(re.search(r"\d\d:\d\d left, loss 0.1234", shown)) == (terminal and not quiet)
    assert ("1,100/1,100 steps" in shown) == (not quiet)


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
