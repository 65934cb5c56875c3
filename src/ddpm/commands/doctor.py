"""Say whether this machine has what the project needs, or a study; each problem with its remedy.

It looks at Python and packages, torch, torchvision and the GPU, cores, memory and disk, Slurm, DVC,
downloads, interrupted work and git. Nothing is changed. It fails if a check failed; warnings are allowed.
Whether results are as they were written, `ddpm verify` says.
"""

from __future__ import annotations

import argparse
import shutil
import sys
import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError

if TYPE_CHECKING:
    from ddpm.doctor.finding import Finding

GROUP = "the study"
EXAMPLES = ("ddpm doctor", "ddpm doctor config/demo.yaml")
NEEDS_STUDY = False
_COLUMN, _SUBJECT = 12, 14
COLUMNS = 120  # where the output is no terminal


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study file, which may be left out."""
    parser.add_argument(
        "study",
        type=Path,
        nargs="?",
        help="a study file, whose disk space, data, GPU and downloads are looked at too (default: none)",
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints a line for each check, as soon as it is made.

    Raises:
        DDPMError: a check failed.
    """
    from ddpm.doctor.checks import examine
    from ddpm.doctor.finding import State

    if hasattr(sys.stdout, "reconfigure"):
        sys.stdout.reconfigure(errors="replace")
    found = []
    for finding in examine(arguments.study):
        found.append(finding.state)
        if not arguments.quiet or finding.state in (State.WARNING, State.FAILED):
            print(_text(finding), flush=True)
    counts = [f"{found.count(state)} {state}" for state in State if found.count(state)]
    if failures := found.count(State.FAILED):
        raise DDPMError(f"{failures} of {len(found)} checks failed: see the remedies above")
    if not arguments.quiet:
        print(", ".join(counts))


def _text(finding: Finding) -> str:
    """A line, and one of the remedy; folded at the width of the terminal."""
    columns = max(60, shutil.get_terminal_size().columns if sys.stdout.isatty() else COLUMNS)
    first = f"{finding.state:<{_COLUMN}}{finding.subject:<{_SUBJECT}}"
    lines = [(first, finding.text)]
    if finding.remedy:
        lines.append((" " * (_COLUMN + _SUBJECT) + "remedy: ", finding.remedy))
    return "\n".join(
        textwrap.fill(
            " ".join(text.split()),
            columns,
            initial_indent=start,
            subsequent_indent=" " * (_COLUMN + _SUBJECT),
            break_long_words=False,
            break_on_hyphens=False,
        )
        for start, text in lines
    )
