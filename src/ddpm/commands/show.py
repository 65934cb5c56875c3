"""Print a study's tables, its models' numbers and where its figures lie; or what a compressed file holds."""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.compression.account import code_contents, code_text
from ddpm.graph import layout
from ddpm.study import Study, load_study

if TYPE_CHECKING:
    from ddpm.compression.file_format import CodeFile

GROUP = "tables and figures"
EXAMPLES = ("ddpm show config/demo.yaml", "ddpm show config/demo.yaml --json", "ddpm show digits.ddpm")
NEEDS_STUDY = False
# Where the output is no terminal.
COLUMNS = 100


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the study file, or the compressed one, and --json."""
    parser.add_argument("study", type=Path, help="a study file, or a file of `ddpm compress`")
    parser.add_argument(
        "--json", action="store_true", help="print tables, numbers and places as one JSON object"
    )


def run(arguments: argparse.Namespace) -> None:
    """Prints to standard output what exists of the study's results, in a terminal's width."""
    if hasattr(sys.stdout, "reconfigure"):
        # A terminal without UTF-8 shows a replacement sign instead of failing at a "±".
        sys.stdout.reconfigure(errors="replace")
    if (code := _code_file(arguments.study)) is not None:
        content = code_contents(code)
        text = json.dumps(content, indent=1) if arguments.json else code_text(content)
    else:
        study = load_study(arguments.study)
        text = json.dumps(_contents(study), indent=1) if arguments.json else _text(study, _columns())
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # The reader (`ddpm show ... | head`) has seen enough; nothing is left to flush at exit.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _code_file(path: Path) -> CodeFile | None:
    """The compressed file, if it begins as one does."""
    from ddpm.compression.file_format import MAGIC, read

    try:
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                return None
        return read(path.read_bytes(), str(path))
    except OSError:
        return None


def _columns() -> int:
    return max(40, shutil.get_terminal_size().columns) if sys.stdout.isatty() else COLUMNS


def _text(study: Study, columns: int) -> str:
    """The tables first, so that what fits on one screen stands last."""
    from ddpm.artefacts.overview import computing_seconds, numbers_text, places
    from ddpm.plan.units import duration

    tables = [_table(study, name, columns) for name in study.artefacts.tables]
    found, seconds = places(study), computing_seconds(study)
    lines = [f"tables   {found['folder']}/*.csv"]
    if count := found["figures_asked_for"]:
        folder = layout.path(layout.FIGURE_PNG, study.name, figure="x").parent
        lines.append(f"figures  {folder}/ ({len(found['figures'])} of {count} built)")
    report = layout.path(layout.REPORT, study.name)
    lines.append(f"report   {report}" + ("" if found["report"] else " (not built yet)"))
    if seconds:
        lines.append(f"time     {duration(seconds)}: the jobs that compute, one after another")
    numbers = numbers_text(study, columns)
    return "\n".join([study.title, "", *tables, *([numbers] if numbers else []), *lines])


def _table(study: Study, name: str, columns: int) -> str:
    from ddpm.artefacts.tables.text import from_markdown, to_plain_text

    path = layout.path(layout.TABLE_MARKDOWN, study.name, table=name)
    if not path.exists():
        target = layout.path(layout.TABLE, study.name, table=name)
        return f"{name} is not built yet: run `snakemake {target}`\n"
    return to_plain_text(from_markdown(path.read_text(encoding="utf-8"), path), columns)


def _contents(study: Study) -> dict[str, Any]:
    """Title, tables (a list of rows each, None for one that is not built), models' numbers, and places."""
    import pandas as pd

    from ddpm.artefacts.overview import computing_seconds, model_numbers, places

    tables: dict[str, Any] = {}
    for name in study.artefacts.tables:
        path = layout.path(layout.TABLE, study.name, table=name)
        tables[name] = json.loads(pd.read_csv(path).to_json(orient="records")) if path.exists() else None
    about = {"study": study.name, "title": study.title, "tables": tables, "models": model_numbers(study)}
    return about | places(study) | {"computing_seconds": computing_seconds(study)}
