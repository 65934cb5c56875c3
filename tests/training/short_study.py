"""A study whose training takes a second, in a working folder of its own; trainers as processes."""

import shutil
import subprocess
import sys
from pathlib import Path

from pausing import ask_to_pause, environment, paused_trainer

ROOT = Path(__file__).parents[2]
MODEL = "epsilon_L_simple"
RUN = Path(f"results/short/models/{MODEL}/seed0")
STUDY = """
extends: demo.yaml
defaults:
  network: {{channels: 8, dropout: 0.1, groups: 4}}
  training: {{steps: {steps}, batch_size: 8, log_every: 20, save_every_minutes: 0}}
models:
  {model}:
    checkpoints: {{steps: {kept}}}
"""


def write_study(folder: Path, steps: int = 40, kept: str = "[]") -> None:
    """Puts config/short.yaml into a folder that has, or gets, the project's config/."""
    shutil.copytree(ROOT / "config", folder / "config", dirs_exist_ok=True)
    text = STUDY.format(steps=steps, kept=kept, model=MODEL)
    (folder / "config" / "short.yaml").write_text(text)


def start(folder: Path, *more: str) -> subprocess.Popen:
    """`ddpm train` of the study in the folder; its messages go to `train<n>.txt` there, n = 1, 2, ..."""
    words = ["train", "config/short.yaml", "--model", MODEL, "--threads", "1", *more]
    number = len(list(folder.glob("train*.txt"))) + 1
    with (folder / f"train{number}.txt").open("w") as messages:
        return subprocess.Popen(
            [sys.executable, "-m", "ddpm.cli", *words], cwd=folder, env=environment(), stderr=messages
        )


def messages(folder: Path, number: int) -> str:
    """What the process that was started as the `number`th (1, 2, ...) has said."""
    return (folder / f"train{number}.txt").read_text()


def start_and_pause(folder: Path, *more: str) -> subprocess.Popen:
    """Starts training, which pauses as soon as it has saved a state."""
    ask_to_pause(folder / RUN, "save")
    process = start(folder, *more)
    assert paused_trainer(folder / RUN, process) == process.pid
    return process
