"""Find the training images nearest to a model's samples."""

from __future__ import annotations

import argparse

from ddpm.artefacts.figures.figure15 import NeighboursSettings
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.study import Study

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("figure", help="the figure that shows them: figure15")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the neighbours that `arguments.figure` shows."""
    from ddpm.evaluation.neighbours import study_neighbours
    from ddpm.records.files import require_writable
    from ddpm.records.traced_files import write_arrays

    settings = study.artefacts.chosen.get(arguments.figure)
    if not isinstance(settings, NeighboursSettings):
        raise StudyError(
            f"{study.file}: artefacts.{arguments.figure} shows no nearest neighbours; add figure15"
        )
    path = layout.path(layout.NEIGHBOURS, study.name, figure=arguments.figure)
    require_writable(path.parent)
    arrays, provenance = study_neighbours(study, arguments.figure, settings, arguments.device)
    write_arrays(path, arrays, provenance)
