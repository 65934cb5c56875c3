"""A study of one file, built by verbs in a folder of its own."""

import contextlib
from pathlib import Path

from ddpm.cli import main


def build(folder: Path, file: str, text: str, verbs: list[list[str]]) -> Path:
    """Writes the study file and runs the verbs there; returns the folder."""
    with contextlib.chdir(folder):
        Path(file).parent.mkdir(exist_ok=True)
        Path(file).write_text(text)
        assert [main(verb) for verb in verbs] == [0] * len(verbs)
    return folder
