"""A table or a figure in the report: itself, its files, and where it comes from."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from ddpm.artefacts.artefact import Artefact, Figure
from ddpm.artefacts.report.images import embedded
from ddpm.artefacts.report.origin import figure_origin, table_origin
from ddpm.artefacts.tables.html import body_of, text
from ddpm.graph import layout
from ddpm.study import Study

_TABLE_FILES = {
    "CSV": layout.TABLE,
    "Markdown": layout.TABLE_MARKDOWN,
    "trace of every measured number": layout.TABLE_TRACE,
}
_FIGURE_FILES = {
    "PNG": layout.FIGURE_PNG,
    "PDF": layout.FIGURE_PDF,
    "trace of what it was drawn from": layout.FIGURE_TRACE,
}


def artefact_section(study: Study, artefact: Artefact, reason: str) -> str:
    """A table or figure; where it is not built, why it cannot be, or the command that builds it."""
    is_figure = isinstance(artefact, Figure)
    pattern = layout.FIGURE_PNG if is_figure else layout.TABLE
    names = {"figure" if is_figure else "table": artefact.name}
    target = layout.path(pattern, study.name, **names)
    shown = target if is_figure else layout.path(layout.TABLE_HTML, study.name, **names)
    if shown.exists():
        return _figure(study, artefact) if isinstance(artefact, Figure) else _table(study, artefact)
    how = f"run <code>{escape(f'snakemake {target.as_posix()}')}</code>"
    return (
        f'<div id="{artefact.name}">\n<h2>{text(title_of(study, artefact))}</h2>\n'
        f'<p class="missing">Not built yet: {escape(reason) or how}.</p>\n</div>'
    )


def title_of(study: Study, artefact: Artefact) -> str:
    """Its number, and of a figure what it shows; a table says that itself."""
    return artefact.titled(study) if isinstance(artefact, Figure) else artefact.heading


def _table(study: Study, table: Artefact) -> str:
    page = layout.path(layout.TABLE_HTML, study.name, table=table.name)
    content = body_of(page.read_text(encoding="utf-8"))
    files = _beside(study, _TABLE_FILES, table=table.name)
    return f'<div id="{table.name}">\n{content}\n{table_origin(study, table.name)}\n{files}\n</div>'


def _figure(study: Study, figure: Figure) -> str:
    png = layout.path(layout.FIGURE_PNG, study.name, figure=figure.name)
    words = figure.caption(study)
    files = _beside(study, _FIGURE_FILES, figure=figure.name)
    return (
        f'<figure id="{figure.name}">\n<h2>{text(title_of(study, figure))}</h2>\n'
        f'<img src="{embedded(png)}" alt="{escape(words)}">\n'
        f"<figcaption>{text(words)}</figcaption>\n{figure_origin(study, figure.name)}\n{files}\n</figure>"
    )


def _beside(study: Study, files: dict[str, str], **names: str) -> str:
    """Links to an artefact's files, which are of use where the page lies among them."""
    links = ", ".join(
        f'<a href="{_href(study, layout.path(pattern, study.name, **names))}">{words}</a>'
        for words, pattern in files.items()
    )
    return f"<details><summary>Files</summary>Beside this page: {links}.</details>"


def _href(study: Study, path: Path) -> str:
    """A link from the page to a file beside it."""
    return escape(Path(os.path.relpath(path, layout.home(study.name))).as_posix())
