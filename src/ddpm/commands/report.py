"""Write the page that shows all tables and figures of the study."""

from __future__ import annotations

import argparse
import logging

from ddpm.graph import layout
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "tables and figures"
EXAMPLES = ("ddpm report config/demo.yaml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: the page follows from the study."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the page."""
    from ddpm.artefacts.index_page import index_page
    from ddpm.records.files import write_text

    path = layout.path(layout.REPORT, study.name)
    write_text(path, index_page(study))
    logger.info("wrote %s", path)
