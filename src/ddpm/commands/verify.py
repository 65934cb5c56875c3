"""Check that all files of the study that are there are as they were written."""

from __future__ import annotations

import argparse
import logging

from ddpm.errors import DataError
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "the study"
EXAMPLES = ("ddpm verify config/demo.yaml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: all files are checked."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Reads every result, makes the tables and the page again in memory, and says what differs.

    Raises:
        DataError: something differs.
    """
    from ddpm.artefacts.verification import verify

    checked = list(verify(study))
    problems = [reason for _, reason in checked if reason]
    for reason in problems:
        logger.warning("%s", reason)
    if problems:
        raise DataError(f"{study.file}: {len(problems)} of {len(checked)} checks failed, see above")
    logger.info(f"{len(checked)} files of {study.file} are as they were written")
