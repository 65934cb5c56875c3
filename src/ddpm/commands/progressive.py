"""Measure IS and FID of x0-hat in the course of the reverse process."""

from __future__ import annotations

import argparse

from ddpm.commands.arguments import add_sample_arguments, require_model
from ddpm.graph import layout
from ddpm.study import Study

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_sample_arguments(parser)


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the rows of every column of x0-hat of one set of samples."""
    from ddpm.evaluation.model_quality import Run
    from ddpm.evaluation.progressive import progressive_rows
    from ddpm.records.files import require_writable
    from ddpm.records.measurements import write_measurements

    run = Run(require_model(study, arguments.model), arguments.seed, arguments.sampling)
    names = {"model": run.model, "seed": run.seed, "sampling": run.sampling}
    path = layout.path(layout.PROGRESSIVE_ROWS, study.name, **names)
    require_writable(path.parent)
    write_measurements(path, progressive_rows(study, run, arguments.device))
