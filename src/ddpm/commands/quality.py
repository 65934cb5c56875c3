"""Measure IS, FID, KID, precision and recall of a model's samples."""

from __future__ import annotations

import argparse
import itertools
import logging

from ddpm.commands.arguments import add_sample_arguments, model_job
from ddpm.graph import layout
from ddpm.graph.fingerprint import quality_fingerprint
from ddpm.study import Study

logger = logging.getLogger("ddpm")
GROUP = "evaluate"
EXAMPLES = ("ddpm quality config/demo.yaml --model epsilon_L_simple --sampling 0",)
COMPUTES = True
add_arguments = add_sample_arguments


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the quality rows of one set of samples."""
    job = model_job(study, arguments, quality_fingerprint)
    path = job.output(layout.QUALITY_ROWS)
    from ddpm.evaluation.protocol import METRICS_AGAINST, told
    from ddpm.evaluation.quality import ImageSet, measure_samples

    samples = job.samples()
    sets = [ImageSet(samples.images, split, METRICS_AGAINST[split]) for split in job.references]
    with job.evaluator() as evaluator:
        title = f"quality {job.title}"
        measured = measure_samples(samples, sets, job.references, evaluator, title, job.overrides)
    scores = list(itertools.chain.from_iterable(measured))
    job.write_rows(path, job.rows(scores, **samples.about))
    logger.info(f"quality {job.title}: {told(scores)}")
