"""Measure IS and FID of the predicted image, x0-hat, in the course of the reverse process."""

from __future__ import annotations

import argparse

from ddpm.commands.arguments import add_sample_arguments, model_job
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.fingerprint import quality_fingerprint
from ddpm.study import Study

GROUP = "evaluate"
EXAMPLES = ("ddpm progressive config/demo.yaml --model epsilon_L_simple",)
COMPUTES = True
add_arguments = add_sample_arguments


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the rows of every column of x0-hat of one set of samples."""
    job = model_job(study, arguments, quality_fingerprint)
    path = job.output(layout.PROGRESSIVE_ROWS)
    from ddpm.evaluation.protocol import PAPERS_METRICS
    from ddpm.evaluation.quality import ImageSet, measure_samples

    samples = job.samples(progressive=True)
    if samples.x0_hat is None or samples.reverse_steps is None:
        raise DataError(
            f"samples of {job.title}: x0_hat was not kept; name {job.model} in artefacts.figure10 of "
            f"{study.file} and sample again"
        )
    sets = [ImageSet(images, "train", PAPERS_METRICS) for images in samples.x0_hat]
    title = f"progressive quality {job.title}"
    with job.evaluator() as evaluator:
        measured = measure_samples(samples, sets, job.references, evaluator, title, job.overrides)
    rows = (
        row
        for steps, scores in zip(samples.reverse_steps, measured, strict=True)
        for row in job.rows(scores, reverse_steps=int(steps), **samples.about)
    )
    job.write_rows(path, rows)
