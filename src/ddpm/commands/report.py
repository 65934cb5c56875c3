"""Write the report that shows all tables and figures of the study, with where they come from."""

from __future__ import annotations

import argparse
import logging

from ddpm.graph import layout
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "tables and figures"
EXAMPLES = ("ddpm report config/demo.yaml",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: the report follows from the study."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the report."""
    from ddpm.artefacts.report.page import report_page
    from ddpm.records.files import write_text

    path = layout.path(layout.REPORT, study.name)
    write_text(path, report_page(study))
    logger.info("wrote %s", path)
