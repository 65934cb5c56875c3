"""Draw a figure of the study as PNG and PDF, with a trace of what it was made from."""

from __future__ import annotations

import argparse
import logging

from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "tables and figures"
EXAMPLES = ("ddpm figure config/demo.yaml figure10",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the figure's name."""
    parser.add_argument("figure", help="name of a figure in the study's artefacts, for example figure5")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the figure's PNG, PDF and trace."""
    from ddpm.artefacts.figures.drawing import build_figure

    for path in build_figure(study, arguments.figure):
        logger.info("wrote %s", path)
