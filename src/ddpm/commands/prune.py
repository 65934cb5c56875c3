"""List the training runs that were set aside, with the space they take; delete them if told to."""

from __future__ import annotations

import argparse
import logging
import shutil
from pathlib import Path

from ddpm.graph import layout
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "the study"
EXAMPLES = ("ddpm prune config/demo.yaml --states",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --states and --remove."""
    parser.add_argument(
        "--states",
        action="store_true",
        help="list the last states of complete runs too, which are needed to continue them to more steps",
    )
    parser.add_argument("--remove", action="store_true", help="delete what is listed (default: list it)")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Lists, a folder a line; with --remove deletes."""
    home = Path(layout.home(study.name))
    folders = sorted(home.glob("earlier/*/*/*"))
    if arguments.states:
        folders += [
            receipt.with_name("state")
            for receipt in sorted(home.glob("models/*/*/trained.json"))
            if receipt.with_name("state").exists()
        ]
    total = 0
    for folder in folders:
        # A file with several names is counted under each: a run continued from another shares its state.
        size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
        total += size
        logger.info(f"{size / 1e6:10,.1f} MB  {folder}")
        if arguments.remove:
            shutil.rmtree(folder)
    done = "freed" if arguments.remove else "would be freed by --remove"
    logger.info(f"{total / 1e6:10,.1f} MB  {done}, in {len(folders)} folders")
