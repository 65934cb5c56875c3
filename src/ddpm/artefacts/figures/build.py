"""Any figure of a study by its name."""

from __future__ import annotations

import importlib

from matplotlib.figure import Figure

from ddpm.artefacts.figures import style
from ddpm.errors import StudyError
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.settings import Study


def draw_figure(study: Study, name: str) -> Figure:
    """Draws a figure from the files that `artefact_inputs` names, relative to the working folder.

    Args:
        study: the study.
        name: figure1, figure2, ..., training_curves: a figure that the study builds, drawn by the
            module of this package that has its name.

    Raises:
        StudyError: the study builds no such figure.
        DataError: an input is missing or damaged.
    """
    require_figure(study, name)
    module = importlib.import_module(f"ddpm.artefacts.figures.{name}")
    with style.applied():
        return module.draw(study, artefact_inputs(study, name))


def require_figure(study: Study, name: str) -> None:
    """Checks that a study builds a figure.

    Raises:
        StudyError: it does not.
    """
    figures = study.artefacts.figures
    if name not in figures:
        known = ", ".join(figures) or "none"
        raise StudyError(
            f"{study.file}: artefacts.{name}: the study builds no such figure (it builds: {known}); add it"
        )
