"""Any figure of a study: drawn, and written as a PNG, a PDF with vector text, and a trace of its inputs."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from matplotlib.figure import Figure

from ddpm.artefacts import artefact
from ddpm.artefacts.current import require_current
from ddpm.artefacts.figures import style
from ddpm.artefacts.figures.fonts import drawable
from ddpm.artefacts.figures.page import DPI, Page
from ddpm.artefacts.figures.reading import status_of
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.dependencies import artefact_inputs
from ddpm.graph.fingerprint import artefact_fingerprint
from ddpm.records.files import atomic_path, sha256, write_text
from ddpm.records.measurements import read_measurements
from ddpm.records.provenance import git_commit
from ddpm.records.status import is_evaluated, is_not_finite
from ddpm.records.traced_files import read_provenance
from ddpm.study.settings import Study

# Without dates and versions of programs, so that equal inputs give equal bytes.
_METADATA: dict[str, dict[str, Any]] = {
    ".png": {"Software": None},
    ".pdf": {"CreationDate": None, "Creator": None, "Producer": None},
}
# What a trace says of the measurements behind a figure.
_TRACED = (
    *("study", "model", "training_seed", "sampling_seed", "status", "settings", "git_commit", "data_hash"),
    *("weights_hash", "hardware"),
)


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
    trace["drawn"] = {str(path): sha256(path) for path in (png, pdf)}
    write_text(json_, json.dumps(trace, indent=2) + "\n")
    return [png, pdf, json_]


def draw_figure(study: Study, name: str) -> Figure:
    """Draws a figure from the files that `artefact_inputs` names, relative to the working folder.

    Raises:
        StudyError: the study builds no such figure.
        DataError: an input is missing, damaged, or of other settings or data than the study has.
    """
    defined = artefact.chosen_artefact(study, name, artefact.Figure)
    title, families = drawable(study.title)
    inputs, heading = artefact_inputs(study, name), defined.drawn_heading(study, title)
    require_current(study, (file for files in inputs.values() for file in files))
    with style.applied(families):
        if defined.of_images:
            statuses = [status_of(files[0]) for files in inputs.values() if files[0].endswith(".npz")]
            if failed := [status for status in statuses if not is_evaluated(status)]:
                return _figure_without_images(heading, failed[0])
        return defined.draw(study, study.artefacts.chosen[name], inputs, heading)


def _figure_without_images(heading: str, status: str) -> Figure:
    """A figure that says in words that its model diverged, or that its samples are not finite."""
    page = Page(4 * DPI, DPI, DPI, heading)
    reason = "no sample" if is_not_finite(status) else "the training"
    words = f"Nothing to show: {reason} of this model {'is finite' if is_not_finite(status) else status}."
    page.write(2 * DPI, DPI / 2, words, fontsize=style.LABEL_SIZE, fontstyle="italic", parse_math=False)
    return page.figure


def save_image(figure: Figure, path: str | Path) -> None:
    """Writes a figure as .png or .pdf, atomically.

    Raises:
        OutputError: the file cannot be written.
    """
    suffix = Path(path).suffix
    with style.applied(), atomic_path(path) as temporary:
        figure.savefig(temporary, format=suffix[1:], metadata=_METADATA[suffix])


def figure_trace(study: Study, figure: str) -> dict[str, Any]:
    """Where a figure comes from: its settings, the commit, and each input with its hash and provenance.

    Raises:
        DataError: an input is missing or damaged.
    """
    inputs = artefact_inputs(study, figure)
    return {
        "figure": figure,
        "study": study.name,
        "title": study.title,
        "settings": artefact_fingerprint(study, figure),
        "study_files": study.files,
        "git_commit": git_commit(*study.files),
        "inputs": [_input(role, path) for role, paths in inputs.items() for path in paths],
    }


def _input(role: str, path: str) -> dict[str, Any]:
    try:
        content = sha256(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); build it again") from error
    return {"role": role, "path": path, "sha256": content, "provenance": _provenance(path)}


def _provenance(path: str) -> dict[str, Any]:
    """What a file says of its origin; of measurements, the distinct values of each column, sorted."""
    if Path(path).suffix not in (".npz", ".parquet"):
        return {}
    if layout.match(path)[0] not in layout.MEASUREMENTS:
        return read_provenance(path)
    rows = read_measurements([path])
    return {column: sorted(rows[column].dropna().unique().tolist()) for column in _TRACED}
