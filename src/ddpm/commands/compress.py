"""Code images into a file: by Algorithm 3, or by bits-back coding."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.commands.arguments import add_model_arguments, add_schedule_argument
from ddpm.errors import StudyError
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.compression.codec import Compressed

logger = logging.getLogger("ddpm")

GROUP = "compress"
EXAMPLES = (
    "ddpm compress config/demo.yaml --model epsilon_L_simple --output digits.ddpm test --images 20",
    "ddpm compress config/demo.yaml --model epsilon_L_simple --schedule archive --output a.ddpm a.png b.png",
)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    add_schedule_argument(parser)
    parser.add_argument("--output", type=Path, required=True, metavar="FILE", help="the new file")
    parser.add_argument("--images", type=int, metavar="N", help="only the first N images")
    parser.add_argument(
        "--batch", type=int, metavar="N", help="images in a network call, which the file fixes for its reader"
    )
    parser.add_argument(
        "sources",
        nargs="+",
        metavar="image",
        help="image files, folders of them, or `test` or `train` for a split of the model's data set",
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the file, and prints the account of its bits."""
    from ddpm.commands.arguments import model_job
    from ddpm.compression.file_format import LARGEST_BATCH
    from ddpm.compression.sources import read_sources, require_new
    from ddpm.evaluation.code_files import write_code_file
    from ddpm.graph.fingerprint import weights_fingerprint

    require_new(arguments.output)
    if arguments.batch is not None and not 1 <= arguments.batch <= LARGEST_BATCH:
        raise StudyError(f"--batch {arguments.batch}: must be 1 to {LARGEST_BATCH:,}")
    job = model_job(study, arguments, weights_fingerprint)
    pixels = read_sources(job, arguments.sources, arguments.images)
    found = write_code_file(arguments.output, job, arguments.schedule, pixels, arguments.batch)
    logger.info(_account(arguments.output, found, len(pixels), int(pixels[0].size)))


def _account(path: Path, found: Compressed, images: int, dimensions: int) -> str:
    from ddpm.compression.account import account_lines

    head = f"{path}: {images:,} image{'s' if images > 1 else ''}, {len(found.content):,} bytes"
    return "\n  ".join([head, *account_lines(found.bits, images, dimensions)])
