"""Check a study's files, draw some samples again, and compare its numbers with those that are expected."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DataError, NotReproducedError
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.artefacts.expected import Judged

logger = logging.getLogger("ddpm")

GROUP = "the study"
EXAMPLES = (
    "ddpm verify config/demo.yaml",
    "ddpm verify config/mine.yaml --against config/expected/mine.csv --no-rerun",
)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the file of expected numbers, and what may be left out."""
    parser.add_argument(
        "--against",
        type=Path,
        metavar="FILE",
        help="expected numbers, by `ddpm expect` (default: config/expected/<study>.csv if it is there)",
    )
    parser.add_argument("--no-rerun", action="store_true", help="do not draw samples again")
    parser.add_argument(
        "--numbers", action="store_true", help="compare the numbers alone; reads no other file"
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Checks files, a rerun and numbers, and says in a line each what came of it.

    Raises:
        DataError: a file is not as it was written, or samples that were drawn again are others.
        NotReproducedError: all files are right, and a number is not as expected.
    """
    if not arguments.numbers:
        _verify_files(study)
        if not arguments.no_rerun:
            _rerun(study, arguments)
    _compare(study, arguments.against)


def _verify_files(study: Study) -> None:
    """Reads every result, makes the tables and the report again in memory, and says what differs."""
    from ddpm.artefacts.verification import verify

    checked = list(verify(study))
    problems = [reason for _, reason in checked if reason]
    for reason in problems:
        logger.warning("%s", reason)
    if problems:
        raise DataError(f"{study.file}: {len(problems)} of {len(checked)} checks failed, see above")
    logger.info(f"files: {len(checked)} are as they were written")


def _rerun(study: Study, arguments: argparse.Namespace) -> None:
    import torch

    from ddpm.evaluation.rerun import rerun_samples

    if arguments.threads is None and arguments.device == "cpu":
        # As the workflow's jobs: the number of threads decides the last bits.
        torch.set_num_threads(1)
    found = rerun_samples(study, arguments.device)
    if found is None:
        logger.info("samples: there are none to draw again")
    elif found.reason:
        logger.info(f"samples: none drawn again, as the bits may differ: {found.reason}")
    elif found.different:
        raise DataError(
            f"{found.file}: {found.different} of {found.images} samples drawn again have other bits, on the "
            f"same kind of machine with the same weights; delete it and run `snakemake {found.file}`"
        )
    else:
        logger.info(f"samples: {found.images} drawn again, the same bits as in {found.file}")


def _compare(study: Study, against: Path | None) -> None:
    from ddpm.artefacts.expected import DIFFERS, judge, read_expected, summary, table_numbers
    from ddpm.graph import layout
    from ddpm.graph.dependencies import expected_file

    _compare_with_paper(study)
    file = against or Path(expected_file(study))
    if against is None and not file.exists():
        return
    expected = read_expected(file)
    judged = judge(expected, table_numbers(layout.home(study.name), study.artefacts.tables))
    differing = [number for number in judged if number.outcome == DIFFERS]
    for number in differing:
        logger.warning("%s", number)
    logger.info(f"{summary(judged)} ({file})")
    if differing:
        raise NotReproducedError(_advice(study, differing))


def _advice(study: Study, differing: list[Judged]) -> str:
    return (
        f"{study.file}: {len(differing)} numbers are not as expected, see above. Numbers scatter from run to "
        "run: where few differ by little, look at the tables and figures"
    )


def _compare_with_paper(study: Study) -> None:
    """Says how many of the paper's numbers the study's comparison calls reproduced, if it is built."""
    from ddpm.artefacts.tables.verdict import verdicts_of
    from ddpm.graph import layout

    path = layout.path(layout.TABLE, study.name, table="comparison")
    if path.exists():
        logger.info(f"the paper's numbers: {verdicts_of(path)}")
