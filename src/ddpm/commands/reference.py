"""Measure real images and noise as samples are measured, so that the scale can be judged."""

from __future__ import annotations

import argparse

from ddpm.graph import layout
from ddpm.graph.fingerprint import reference_fingerprint
from ddpm.study import Study

GROUP = "evaluate"
EXAMPLES = ("ddpm reference config/demo.yaml digits",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    parser.add_argument("dataset", help="a key of `datasets` in the study file")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the reference rows of `arguments.dataset`."""
    from ddpm.data.store import require_dataset
    from ddpm.evaluation.job import Job
    from ddpm.evaluation.quality import measure_sets
    from ddpm.evaluation.reference import reference_sets

    dataset = arguments.dataset
    require_dataset(study, dataset)
    settings = reference_fingerprint(study, dataset)
    job = Job(study=study, dataset=dataset, settings=settings, device=arguments.device)
    path = job.output(layout.REFERENCE_ROWS)
    names, sets = zip(*reference_sets(**job.references), strict=True)
    with job.evaluator() as evaluator:
        measured = measure_sets(sets, job.references, evaluator, f"references {dataset}", shuffle=True)
    rows = (
        row
        for name, scores in zip(names, measured, strict=True)
        for row in job.rows(scores, model=name, status="reference")
    )
    job.write_rows(path, rows)
