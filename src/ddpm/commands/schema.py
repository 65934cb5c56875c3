"""Write the JSON schema of study files beside a study, for editors."""

from __future__ import annotations

import argparse
from pathlib import Path

from ddpm.files import write_text
from ddpm.study import Study
from ddpm.study.schema import study_schema


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes study.schema.json into the study's folder."""
    write_text(Path(study.file).with_name("study.schema.json"), study_schema())
