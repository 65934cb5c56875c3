"""Find the training images nearest to a model's samples."""

from __future__ import annotations

import argparse

from ddpm.artefacts.figures.neighbours import NeighboursSettings
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import neighbours_fingerprint
from ddpm.records.provenance import hardware
from ddpm.study import Study

GROUP = "evaluate"
EXAMPLES = ("ddpm neighbours config/demo.yaml figure15",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("figure", help="the figure that shows them: figure12 or figure15")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the neighbours that a figure shows, of the model's first samples; none if training diverged."""
    settings = study.artefacts.chosen.get(arguments.figure)
    if not isinstance(settings, NeighboursSettings):
        raise StudyError(
            f"{study.file}: artefacts.{arguments.figure} shows no nearest neighbours; add figure12 or "
            "figure15"
        )
    from ddpm.evaluation.model_job import figure_job
    from ddpm.evaluation.neighbours import neighbour_arrays
    from ddpm.records.traced_files import write_arrays

    job = figure_job(study, arguments.figure, neighbours_fingerprint, arguments.device)
    path = job.output(layout.NEIGHBOURS, figure=arguments.figure)
    samples, extractor = job.samples(), job.extractor()
    shown, train = samples.images[: settings.samples], job.images("train")
    batch_size = study.quality.batch_size
    crop = None if settings.crop is None else (settings.crop[0], settings.crop[1], settings.crop[2])
    arrays = neighbour_arrays(shown, train, settings.neighbours, extractor, batch_size, job.device, crop)
    about = job.about | samples.about | {"data_hash": samples.provenance.get("data_hash")}
    about |= {"hardware": hardware(job.device), "features": extractor.description}
    write_arrays(path, arrays, about)
