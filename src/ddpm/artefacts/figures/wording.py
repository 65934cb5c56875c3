"""The words that figures share: headings, and what stands in place of images that do not exist."""

from __future__ import annotations

from matplotlib.figure import Figure

from ddpm.artefacts.figures.page import DPI, Page
from ddpm.artefacts.figures.style import LABEL_SIZE
from ddpm.status import has_diverged, is_evaluated
from ddpm.study.settings import Study


def heading(study: Study, subject: str, model: str | None = None) -> str:
    """What a figure shows, of which study, of which model."""
    return " \u2014 ".join(part for part in (subject, study.title, model) if part)


def absence(status: str) -> str:
    """A sentence for the place of a diverged model's images."""
    return f"Nothing to show: the training of this model {status}."


def divergence(status: str) -> str:
    """What to add to the name of a diverged model's curve; nothing for a trained model."""
    if not has_diverged(status):
        return ""
    return f" (training {status})" if is_evaluated(status) else f" (no values: training {status})"


def empty_figure(title: str, status: str) -> Figure:
    """A figure that says in words that its model diverged."""
    page = Page(4 * DPI, DPI, DPI, title)
    page.write(2 * DPI, DPI / 2, absence(status), fontsize=LABEL_SIZE, fontstyle="italic", parse_math=False)
    return page.figure
