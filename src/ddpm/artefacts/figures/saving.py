"""Figures as files: a PNG, a PDF with vector text, and a trace. Equal inputs give equal bytes."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ddpm.artefacts.figures import style
from ddpm.artefacts.figures.build import draw_figure
from ddpm.artefacts.figures.trace import figure_trace
from ddpm.files import atomic_path, write_text
from ddpm.study import layout
from ddpm.study.settings import Study

# Without dates and versions of programs, so that a file changes only when the figure does.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}


def build_figure(study: Study, name: str) -> list[Path]:
    """Draws a figure of a study and writes its PNG, PDF and trace; returns their paths.

    Raises:
        StudyError: the study builds no such figure.
        DataError: an input is missing or damaged.
        OutputError: a file cannot be written.
    """
    figure, trace = draw_figure(study, name), figure_trace(study, name)
    png, pdf, json_ = (
        layout.path(pattern, study.name, figure=name)
        for pattern in (layout.FIGURE_PNG, layout.FIGURE_PDF, layout.FIGURE_TRACE)
    )
    save_image(figure, png)
    save_image(figure, pdf)
    save_trace(trace, json_)
    return [png, pdf, json_]


def save_image(figure: Figure, path: str | Path) -> None:
    """Writes a figure as .png or .pdf, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    suffix = Path(path).suffix
    with style.applied(), atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], metadata=_METADATA[suffix])


def save_trace(trace: Mapping[str, Any], path: str | Path) -> None:
    """Writes a trace as JSON, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    write_text(path, json.dumps(dict(trace), indent=2) + "\n")
