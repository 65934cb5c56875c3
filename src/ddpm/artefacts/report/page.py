"""The page that shows a study's tables and figures: one file that holds its images, and can be sent alone."""

from __future__ import annotations

import base64
import io
import os
from html import escape
from pathlib import Path

from PIL import Image

from ddpm.artefacts.artefact import Artefact, Figure
from ddpm.artefacts.page_header import page_header
from ddpm.artefacts.tables.html import body_of, text, to_page
from ddpm.graph import layout
from ddpm.graph.available import select
from ddpm.study import Study

_PAPER = "Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel, 2020)"
# Bytes; of the demo none is larger.
_LARGEST_PNG = 2**19
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


def index_page(study: Study) -> str:
    """The page as HTML, its links relative to its folder; what is not built yet says how to build it.

    Raises:
        DataError: a file with the best numbers or their origin is damaged.
        OSError: a table's page or a figure cannot be read.
    """
    shown, missing = study.artefacts.definitions, select(study).missing
    links = "\n".join(f'<a href="#{artefact.name}">{text(_title(study, artefact))}</a>' for artefact in shown)
    body = [
        f"<h1>{escape(study.title)}</h1>",
        f"<p>The tables and figures of <em>{escape(_PAPER)}</em>, rebuilt by the study "
        f"{_files(study)}. Numbers quoted from the paper are marked as published; all "
        "others were measured here, and each table's trace lists the measurements behind its numbers.</p>",
        page_header(study),
        f"<nav>\n{links}\n</nav>",
        *(_section(study, found, missing.get(found.name, "")) for found in shown),
    ]
    return to_page(study.title, "\n".join(body))


def _section(study: Study, artefact: Artefact, reason: str) -> str:
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
        f'<div id="{artefact.name}">\n<h2>{text(_title(study, artefact))}</h2>\n'
        f'<p class="missing">Not built yet: {escape(reason) or how}.</p>\n</div>'
    )


def _title(study: Study, artefact: Artefact) -> str:
    """Its number, and of a figure what it shows; a table says that itself."""
    return artefact.titled(study) if isinstance(artefact, Figure) else artefact.heading


def _files(study: Study) -> str:
    """The study's file, with those that change it before it and those that complete it after it."""
    return " over ".join(f"<code>{escape(file)}</code>" for file in study.files)


def _table(study: Study, table: Artefact) -> str:
    page = layout.path(layout.TABLE_HTML, study.name, table=table.name)
    links = ", ".join(
        f'<a href="{_href(study, layout.path(pattern, study.name, table=table.name))}">{words}</a>'
        for words, pattern in _TABLE_FILES.items()
    )
    content = body_of(page.read_text(encoding="utf-8"))
    return f'<div id="{table.name}">\n{content}\n{_beside(links)}\n</div>'


def _figure(study: Study, figure: Figure) -> str:
    png = layout.path(layout.FIGURE_PNG, study.name, figure=figure.name)
    words = figure.caption(study)
    links = ", ".join(
        f'<a href="{_href(study, layout.path(pattern, study.name, figure=figure.name))}">{words}</a>'
        for words, pattern in _FIGURE_FILES.items()
    )
    return (
        f'<figure id="{figure.name}">\n<h2>{text(_title(study, figure))}</h2>\n'
        f'<img src="{_embedded(png)}" alt="{escape(words)}">\n'
        f"<figcaption>{text(words)}</figcaption>\n{_beside(links)}\n</figure>"
    )


def _beside(links: str) -> str:
    """Links to an artefact's files, which are of use where the page lies among them."""
    return f"<details><summary>Files</summary>Beside this page: {links}.</details>"


def _embedded(png: Path) -> str:
    """A figure's image as a URL; one of many large photographs as WebP, so that the page stays small."""
    content, kind = png.read_bytes(), "png"
    if len(content) > _LARGEST_PNG:
        with Image.open(png) as image, io.BytesIO() as smaller:
            image.convert("RGB").save(smaller, "WEBP", quality=90)
            content, kind = smaller.getvalue(), "webp"
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"


def _href(study: Study, path: Path) -> str:
    """A link from the page to a file beside it."""
    return escape(Path(os.path.relpath(path, layout.home(study.name))).as_posix())
