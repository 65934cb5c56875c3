"""Measure real images and noise under the protocol of the samples."""

from __future__ import annotations

import argparse

from ddpm.graph import layout
from ddpm.study import Study

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("dataset", help="a key of `datasets` in the study file")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the reference rows of `arguments.dataset`."""
    from ddpm.data.store import require_dataset
    from ddpm.evaluation.reference import reference_rows
    from ddpm.records.files import require_writable
    from ddpm.records.measurements import write_measurements

    require_dataset(study, arguments.dataset)
    path = layout.path(layout.REFERENCE_ROWS, study.name, dataset=arguments.dataset)
    require_writable(path.parent)
    write_measurements(path, reference_rows(study, arguments.dataset, arguments.device))
