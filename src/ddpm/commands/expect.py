"""Write what is expected of a study's numbers, with tolerances, from several runs of it."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "tables and figures"
EXAMPLES = (
    "ddpm expect config/demo.yaml --runs results/demo ../b/results/demo ../c/results/demo "
    "--output config/expected/demo.csv",
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the folders of results, and the file."""
    parser.add_argument(
        "--runs",
        nargs="+",
        type=Path,
        required=True,
        metavar="FOLDER",
        help="folders of results of three runs or more: of other training seeds, on other machines",
    )
    parser.add_argument(
        "--output", type=Path, required=True, metavar="FILE", help="the CSV file for `ddpm verify`"
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the file.

    Raises:
        DataError: there are too few runs, or they do not belong together.
    """
    from ddpm.artefacts.expected import table_numbers
    from ddpm.artefacts.tolerances import FALSE_ALARM, about_run, expected_frame
    from ddpm.records.files import write_text

    tables = [name for name in study.artefacts.tables if name != "comparison"]
    frame = expected_frame([table_numbers(run, tables) for run in arguments.runs])
    lines = [
        f"# Expected numbers of {study.name}: means of {len(arguments.runs)} runs, by `ddpm expect`.",
        f"# Tolerances: a further run has any number beyond its own with a chance of {FALSE_ALARM:.0%}.",
        *(f"# run {n}: {about_run(run, tables)}" for n, run in enumerate(arguments.runs, 1)),
    ]
    write_text(arguments.output, "\n".join(lines) + "\n" + frame.to_csv(index=False, lineterminator="\n"))
    logger.info("wrote %s: %d numbers", arguments.output, len(frame))
