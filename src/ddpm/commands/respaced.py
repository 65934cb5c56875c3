"""Measure IS and FID of samples that are drawn in fewer steps than T, or with the other fixed variance."""

from __future__ import annotations

import argparse
import dataclasses
import logging
from typing import TYPE_CHECKING, get_args

from ddpm.commands.arguments import add_model_arguments, model_job
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import respaced_fingerprint
from ddpm.records.status import TRAINED
from ddpm.study import Study
from ddpm.study.evaluation import FixedVariance, SamplingSettings

if TYPE_CHECKING:
    from ddpm.evaluation.model_job import ModelJob
    from ddpm.evaluation.samples import Samples
    from ddpm.study.models import DiffusionSettings

logger = logging.getLogger("ddpm")
GROUP = "evaluate"
EXAMPLES = ("ddpm respaced config/demo.yaml --model epsilon_L_simple --steps 50 --variance fixed_small",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument("--steps", type=int, required=True, help="how many evenly spaced steps, 1 to T")
    parser.add_argument(
        "--variance",
        required=True,
        choices=get_args(FixedVariance),
        help="of each reverse step: fixed_large is beta_t, fixed_small beta-tilde_t",
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the rows of samples that are not kept; with value NaN and n 0 if training diverged."""
    steps, variance = arguments.steps, arguments.variance
    job = model_job(study, arguments, respaced_fingerprint)
    job = dataclasses.replace(job, sampling=study.sampling_seeds(job.model)[0])
    diffusion = study.model(job.model).diffusion
    _require_possible(study, job.model, diffusion, steps)
    path = job.output(layout.RESPACED_ROWS, steps=steps, variance=variance)
    from ddpm.evaluation.protocol import PAPERS_METRICS, told
    from ddpm.evaluation.quality import ImageSet, measure_samples

    title, images = f"respaced {job.title} steps {steps:,} {variance}", study.respaced_images(job.model)
    overrides = {"steps": steps, "variance": variance, "images": images, "batches_per_shard": images}
    settings = study.sampling_of(job.model).model_copy(update=overrides)
    samples = _draw(job, settings, title)
    sets = [ImageSet(samples.images, "train", PAPERS_METRICS)]
    note = settings.overrides(diffusion.timesteps, diffusion.variance)
    with job.evaluator() as evaluator:
        [scores] = measure_samples(samples, sets, job.references, evaluator, f"{title} quality", note)
    job.write_rows(path, job.rows(scores, **samples.about))
    logger.info(f"{title}: {told(scores)}")


def _require_possible(study: Study, model: str, diffusion: DiffusionSettings, steps: int) -> None:
    if not 1 <= steps <= diffusion.timesteps:
        raise StudyError(
            f"--steps {steps}: {study.file}: {model} has T = {diffusion.timesteps}; give 1 to "
            f"{diffusion.timesteps}"
        )
    if diffusion.variance == "learned":
        raise StudyError(
            f"{study.file}: {model} learned its variance, that of each of all T steps, and has none for "
            "fewer; give a --model with a fixed variance"
        )


def _draw(job: ModelJob, settings: SamplingSettings, title: str) -> Samples:
    """The samples by the evaluated weights, with their provenance; none if training diverged."""
    from ddpm.evaluation.samples import Samples
    from ddpm.sampling.shards import draw_shard, no_samples

    trained, provenance = job.trained(settings, sampling_seed=job.sampling)
    status, shape, seed = str(provenance.get("status") or TRAINED), job.image_shape, job.sampling
    if trained is None or seed is None:
        return Samples(no_samples(shape, []).images, status, provenance)
    shard = draw_shard(trained.diffusion, trained.network, shape, 0, settings, seed, [], title)
    return Samples(shard.images, status, provenance, shard.non_finite)
