"""Measure IS and FID of x0-hat in the course of the reverse process."""

from __future__ import annotations

import argparse
import itertools

from ddpm.commands.arguments import add_sample_arguments, model_job
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.fingerprint import quality_fingerprint
from ddpm.study import Study

COMPUTES = True
add_arguments = add_sample_arguments


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the rows of every column of x0-hat of one set of samples."""
    job = model_job(study, arguments, quality_fingerprint)
    path = job.output(layout.PROGRESSIVE_ROWS)
    from ddpm.evaluation.quality import progressive_scores
    from ddpm.records.measurements import write_measurements

    samples = job.samples(progressive=True)
    if samples.x0_hat is None:
        raise DataError(
            f"samples of {job.title}: x0_hat was not kept; name {job.model} in artefacts.figure10 of "
            f"{study.file} and sample again"
        )
    with job.evaluator() as evaluator:
        columns = progressive_scores(
            samples, job.images("train"), evaluator, f"progressive quality {job.title}"
        )
    rows = (job.rows(scores, reverse_steps=steps, **samples.about) for steps, scores in columns.items())
    write_measurements(path, list(itertools.chain.from_iterable(rows)))
