"""Measure real images and noise under the protocol of the samples."""

from __future__ import annotations

import argparse
import itertools

from ddpm.graph import layout
from ddpm.graph.fingerprint import reference_fingerprint
from ddpm.study import Study

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("dataset", help="a key of `datasets` in the study file")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the reference rows of `arguments.dataset`."""
    from ddpm.data.store import require_dataset
    from ddpm.evaluation.job import Job
    from ddpm.evaluation.reference import reference_scores
    from ddpm.records.measurements import write_measurements

    dataset = arguments.dataset
    require_dataset(study, dataset)
    settings = reference_fingerprint(study, dataset)
    job = Job(study=study, dataset=dataset, settings=settings, device=arguments.device)
    path = job.output(layout.REFERENCE_ROWS)
    with job.evaluator() as evaluator:
        scores = reference_scores(job.images("train"), job.images("test"), evaluator, f"references {dataset}")
    rows = (job.rows(found, model=name, status="reference") for name, found in scores.items())
    write_measurements(path, list(itertools.chain.from_iterable(rows)))
