"""Build a table of the study as CSV, Markdown and HTML, with the trace of its numbers."""

from __future__ import annotations

import argparse
import logging

from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "tables and figures"
EXAMPLES = ("ddpm table config/demo.yaml table2",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the table's name."""
    parser.add_argument("table", help="name of a table in the study's artefacts, for example table1")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the table's CSV, Markdown, HTML and trace."""
    from ddpm.artefacts.tables.table import build_table, table_files
    from ddpm.records.files import write_text

    table = build_table(study, arguments.table)
    for path, content in table_files(study, arguments.table, table).items():
        write_text(path, content)
        logger.info("wrote %s", path)
