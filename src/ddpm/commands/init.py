"""Write a study file for images of your own, with sizes that fit them."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path

from ddpm.errors import StudyError
from ddpm.graph import layout

logger = logging.getLogger("ddpm")

NEEDS_STUDY = False
GROUP = "the study"
EXAMPLES = ("ddpm init mine --images my_images",)
_JUDGES = {
    "classifier": "a classifier of your classes judges the samples (FID and the other measures)",
    "inception": "Inception's features judge the samples (FID and the other measures)",
    "none": "no classes, and Inception's weights are not at hand: samples, curves and NLL, but no FID",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("name", help="the study's name; its file will be config/NAME.yaml")
    parser.add_argument(
        "--images",
        required=True,
        metavar="FOLDER",
        help="where the images are; in it a folder for each class, if there are classes",
    )
    parser.add_argument("--title", help="heads the tables and figures (default: the name)")


def run(arguments: argparse.Namespace) -> None:
    """Writes config/NAME.yaml; says what it holds and what to run next."""
    from ddpm.data.survey import survey
    from ddpm.records.files import write_text
    from ddpm.study import load_study
    from ddpm.study.own_images import study_text

    name = arguments.name
    if not layout.is_study_name(name):
        raise StudyError(
            f"{name!r} cannot name a study, as it names the folder of its results: use letters, digits, "
            f"- and _ (none of {', '.join(sorted(layout.RESERVED_NAMES))})"
        )
    path = Path(layout.study_file(name))
    if path.exists():
        raise StudyError(f"{path}: there is such a study already; choose another name, or edit that file")
    images = survey(arguments.images)
    write_text(path, study_text(arguments.title or name, images))
    try:
        load_study(path)
    except StudyError:
        path.unlink()
        raise
    logger.info(
        f"wrote {path}: {images.train_images:,} training and {images.test_images:,} test images, "
        f"{images.size}x{images.size}, {'grey' if images.channels == 1 else 'colour'}"
    )
    logger.info(f"judge: {_JUDGES[images.judge]}")
    logger.info(f"next: ddpm check {path}, then: snakemake {name}")
