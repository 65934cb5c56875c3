"""Print the study's tables, and where its figures and its page lie."""

from __future__ import annotations

import argparse
import os
import sys

from ddpm.graph import layout
from ddpm.study import Study

COLUMNS = 100

GROUP = "tables and figures"
EXAMPLES = ("ddpm show config/demo.yaml", "ddpm show config/demo.yaml --json")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds nothing: what is shown follows from the study."""


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Prints to standard output what exists of the study's results, at most COLUMNS wide."""
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal without UTF-8 shows a replacement sign instead of failing at a "±".
        sys.stdout.reconfigure(errors="replace")
    tables = [_table(study, name) for name in study.artefacts.tables]
    try:
        print("\n".join([study.title, "", *tables, *_places(study)]), flush=True)
    except BrokenPipeError:
        # The reader (`ddpm show ... | head`) has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _table(study: Study, name: str) -> str:
    from ddpm.artefacts.tables.text import from_markdown, to_plain_text

    path = layout.path(layout.TABLE_MARKDOWN, study.name, table=name)
    if not path.exists():
        target = layout.path(layout.TABLE, study.name, table=name)
        return f"{name} is not built yet: run `snakemake {target}`\n"
    return to_plain_text(from_markdown(path.read_text(encoding="utf-8"), path), COLUMNS)


def _places(study: Study) -> list[str]:
    """Lines that name the folders of tables and figures and the page, and what is missing."""
    figures = study.artefacts.figures
    pngs = {name: layout.path(layout.FIGURE_PNG, study.name, figure=name) for name in figures}
    built = [name for name, path in pngs.items() if path.exists()]
    lines = [f"tables   {layout.home(study.name)}/*.csv"]
    if figures:
        folder = pngs[figures[0]].parent
        lines.append(f"figures  {folder}/ ({len(built)} of {len(figures)} built)")
    page = layout.path(layout.INDEX, study.name)
    lines.append(f"page     {page}" + ("" if page.exists() else " (not built yet)"))
    return lines
