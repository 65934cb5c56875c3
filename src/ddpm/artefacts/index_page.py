"""The page that shows a study's tables and figures."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from ddpm.artefacts.artefact import Artefact, Figure
from ddpm.artefacts.tables.html import body_of, text, to_page
from ddpm.graph import layout
from ddpm.study import Study

_PAPER = "Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel, 2020)"
_TABLE_FILES = {
    "CSV": layout.TABLE,
    "Markdown": layout.TABLE_MARKDOWN,
    "trace of every measured number": layout.TABLE_TRACE,
}


def index_page(study: Study) -> str:
    """The page as HTML, its links relative to its folder; what is not built yet says how to build it.

    Raises:
        OSError: a table's page cannot be read.
    """
    shown = study.artefacts.definitions
    links = "\n".join(f'<a href="#{artefact.name}">{escape(artefact.heading)}</a>' for artefact in shown)
    body = [
        f"<h1>{escape(study.title)}</h1>",
        f"<p>The tables and figures of <em>{escape(_PAPER)}</em>, rebuilt by the study "
        f"{_files(study)}. Numbers quoted from the paper are marked as published; all "
        "others were measured here, and each table's trace lists the measurements behind its numbers.</p>",
        f"<nav>\n{links}\n</nav>",
        *(_figure(study, found) if isinstance(found, Figure) else _table(study, found) for found in shown),
    ]
    return to_page(study.title, "\n".join(body))


def _files(study: Study) -> str:
    """The study's file, with those that change it before it and those that complete it after it."""
    return " over ".join(f"<code>{escape(file)}</code>" for file in study.files)


def _table(study: Study, table: Artefact) -> str:
    page = layout.path(layout.TABLE_HTML, study.name, table=table.name)
    if not page.exists():
        return _missing(table, layout.path(layout.TABLE, study.name, table=table.name))
    links = ", ".join(
        f'<a href="{_href(study, layout.path(pattern, study.name, table=table.name))}">{words}</a>'
        for words, pattern in _TABLE_FILES.items()
    )
    content = body_of(page.read_text(encoding="utf-8"))
    return f'<div id="{table.name}">\n{content}\n<p class="files">As a file: {links}.</p>\n</div>'


def _figure(study: Study, figure: Figure) -> str:
    png = layout.path(layout.FIGURE_PNG, study.name, figure=figure.name)
    if not png.exists():
        return _missing(figure, png)
    pdf = _href(study, layout.path(layout.FIGURE_PDF, study.name, figure=figure.name))
    words = figure.caption(study)
    return (
        f'<figure id="{figure.name}">\n<h2>{escape(figure.heading)}</h2>\n'
        f'<a href="{pdf}"><img src="{_href(study, png)}" alt="{escape(words)}"></a>\n'
        f'<figcaption>{text(words)} <a href="{pdf}">PDF</a></figcaption>\n</figure>'
    )


def _missing(artefact: Artefact, target: Path) -> str:
    command = escape(f"snakemake {target.as_posix()}")
    return (
        f'<div id="{artefact.name}">\n<h2>{escape(artefact.heading)}</h2>\n'
        f'<p class="missing">Not built yet: run <code>{command}</code>.</p>\n</div>'
    )


def _href(study: Study, path: Path) -> str:
    """A link from the page to a file beside it."""
    return escape(Path(os.path.relpath(path, layout.home(study.name))).as_posix())
