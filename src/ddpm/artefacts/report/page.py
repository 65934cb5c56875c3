"""The report of a study: its tables and figures in one file that holds its images, and can be sent alone."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from ddpm.artefacts.artefact import Artefact
from ddpm.artefacts.registry import ARTEFACTS
from ddpm.artefacts.report.costs import costs_section
from ddpm.artefacts.report.expected_numbers import expected_section
from ddpm.artefacts.report.sections import artefact_section, title_of
from ddpm.artefacts.report.summary import summary
from ddpm.artefacts.tables.html import text, to_page
from ddpm.graph.available import select
from ddpm.study import Study

_PAPER = "Denoising Diffusion Probabilistic Models (Ho, Jain, Abbeel, 2020)"
# As the paper prints them; what it does not have follows.
_PAPERS_ORDER = (
    *(
        "figure1",
        "figure2",
        "table1",
        "table2",
        "figure3",
        "figure4",
        "figure5",
        "figure6",
        "figure7",
        "figure8",
    ),
    *("table3", "table4", "figure9", "figure10", "figure11", "figure12", "figure13", "figure14", "figure15"),
    *("figure16", "figure17", "figure18", "figure19", "text_numbers"),
)


def report_page(study: Study, costs: str | None = None) -> str:
    """The report as HTML, its links relative to its folder; what is not built yet says how to build it.

    Args:
        study: the study.
        costs: the section of times to show; None for that of the benchmark files that are there.

    Raises:
        DataError: a file with the best numbers, their origin or what is expected is damaged.
        OSError: a table's page or a figure cannot be read.
    """
    shown, missing = _in_order(study.artefacts.definitions), select(study).missing
    paper = [artefact for artefact in shown if artefact.name in _PAPERS_ORDER]
    others = [artefact for artefact in shown if artefact.name not in _PAPERS_ORDER]
    body = [
        f"<h1>{escape(study.title)}</h1>",
        f"<p>The tables and figures of <em>{escape(_PAPER)}</em>, rebuilt by the study "
        f"{_files(study)}. Numbers quoted from the paper are marked as published; all others were measured "
        "here.</p>",
        summary(study),
        _contents(study, paper, others),
        *(artefact_section(study, found, missing.get(found.name, "")) for found in paper),
        *(artefact_section(study, found, missing.get(found.name, "")) for found in others),
        expected_section(study),
        costs_section(study) if costs is None else costs,
        _left_out(study),
    ]
    return to_page(study.title, "\n".join(filter(None, body)))


def _in_order(artefacts: Sequence[Artefact]) -> list[Artefact]:
    """The paper's order; the comparison with it first of what follows."""
    order = {name: place for place, name in enumerate([*_PAPERS_ORDER, "comparison"])}
    return sorted(artefacts, key=lambda artefact: order.get(artefact.name, len(order)))


def _contents(study: Study, paper: Sequence[Artefact], others: Sequence[Artefact]) -> str:
    def links(artefacts: Sequence[Artefact]) -> str:
        return "\n".join(f'<a href="#{found.name}">{text(title_of(study, found))}</a>' for found in artefacts)

    beyond = f'<p class="small">Beyond the paper:</p>\n{links(others)}' if others else ""
    return f"<nav>\n{links(paper)}\n{beyond}\n</nav>"


def _files(study: Study) -> str:
    """The study's file, with those that change it before it and those that complete it after it."""
    return " over ".join(f"<code>{escape(file)}</code>" for file in study.files)


def _left_out(study: Study) -> str:
    """The paper's tables and figures that the study does not ask for."""
    names = [found.heading for found in ARTEFACTS if found.name in _PAPERS_ORDER]
    asked = {found.heading for found in study.artefacts.definitions}
    if left := [name for name in names if name not in asked]:
        words = f"Of the paper, {escape(study.file)} does not ask for: {escape(', '.join(left))}."
        return f'<p class="small" id="left-out">{words}</p>'
    return ""
