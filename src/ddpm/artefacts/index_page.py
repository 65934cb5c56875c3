"""The page that shows a study's tables and figures."""

from __future__ import annotations

import os
from html import escape
from pathlib import Path

from ddpm.artefacts.captions import caption, heading
from ddpm.artefacts.tables.rendering.html_page import body_of, to_page
from ddpm.artefacts.tables.rendering.html_table import text
from ddpm.study import Study, layout

_PAPER = "Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel, 2020)"


def index_page(study: Study) -> str:
    """The page as HTML, its links relative to its folder; what is not built yet says how to build it.

    Raises:
        OSError: a table's page cannot be read.
    """
    tables, figures = study.artefacts.tables, study.artefacts.figures
    names = [*tables, *figures]
    links = "\n".join(f'<a href="#{name}">{escape(heading(name))}</a>' for name in names)
    body = [
        f"<h1>{escape(study.title)}</h1>",
        f"<p>The tables and figures of <em>{escape(_PAPER)}</em>, rebuilt by the study "
        f"<code>{escape(study.file)}</code>. Numbers quoted from the paper are marked as published; all "
        "others were measured here, and each table's trace lists the measurements behind its numbers.</p>",
        f"<nav>\n{links}\n</nav>",
        *(_table(study, name) for name in tables),
        *(_figure(study, name) for name in figures),
    ]
    return to_page(study.title, "\n".join(body))


def _table(study: Study, name: str) -> str:
    page = layout.path(layout.TABLE_HTML, study.name, table=name)
    if not page.exists():
        return _missing(name, layout.path(layout.TABLE, study.name, table=name))
    files = {
        "CSV": layout.TABLE,
        "Markdown": layout.TABLE_MARKDOWN,
        "trace of every measured number": layout.TABLE_TRACE,
    }
    links = ", ".join(
        f'<a href="{_href(study, layout.path(pattern, study.name, table=name))}">{words}</a>'
        for words, pattern in files.items()
    )
    content = body_of(page.read_text(encoding="utf-8"))
    return f'<div id="{name}">\n{content}\n<p class="files">As a file: {links}.</p>\n</div>'


def _figure(study: Study, name: str) -> str:
    png = layout.path(layout.FIGURE_PNG, study.name, figure=name)
    pdf = layout.path(layout.FIGURE_PDF, study.name, figure=name)
    if not png.exists():
        return _missing(name, png)
    words = caption(study, name)
    return (
        f'<figure id="{name}">\n<h2>{escape(heading(name))}</h2>\n'
        f'<a href="{_href(study, pdf)}"><img src="{_href(study, png)}" alt="{escape(words)}"></a>\n'
        f'<figcaption>{text(words)} <a href="{_href(study, pdf)}">PDF</a></figcaption>\n</figure>'
    )


def _missing(name: str, target: Path) -> str:
    command = f"snakemake {target.as_posix()}"
    return (
        f'<div id="{name}">\n<h2>{escape(heading(name))}</h2>\n'
        f'<p class="missing">Not built yet: run <code>{escape(command)}</code>.</p>\n</div>'
    )


def _href(study: Study, path: Path) -> str:
    """A link from the page to a file beside it."""
    return escape(Path(os.path.relpath(path, layout.home(study.name))).as_posix())
