"""Measure IS, FID, KID, precision and recall of a model's samples."""

from __future__ import annotations

import argparse

from ddpm.commands.arguments import add_sample_arguments, model_job
from ddpm.graph import layout
from ddpm.graph.fingerprint import quality_fingerprint
from ddpm.study import Study

COMPUTES = True
add_arguments = add_sample_arguments


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the quality rows of one set of samples."""
    job = model_job(study, arguments, quality_fingerprint)
    path = job.output(layout.QUALITY_ROWS)
    from ddpm.evaluation.quality import sample_scores
    from ddpm.records.measurements import write_measurements

    samples = job.samples()
    references = {"train": job.images("train"), "test": job.images("test")}
    with job.evaluator() as evaluator:
        scores = sample_scores(samples, references, evaluator, f"quality {job.title}")
    write_measurements(path, job.rows(scores, **samples.about))
