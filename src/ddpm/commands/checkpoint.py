"""Measure the FID of the averaged weights of one step of a training run."""

from __future__ import annotations

import argparse
import logging
import math
from typing import TYPE_CHECKING

from ddpm.commands.arguments import add_model_arguments, model_job, require_trained
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import checkpoint_fingerprint, training_fingerprint
from ddpm.study import Study

if TYPE_CHECKING:
    import numpy as np

    from ddpm.evaluation.model_job import ModelJob
    from ddpm.evaluation.samples import Samples

logger = logging.getLogger("ddpm")
GROUP = "train"
EXAMPLES = ("ddpm checkpoint config/paper.yaml --model epsilon_L_simple --step 400000",)
COMPUTES = True
_SIDE = 8  # rows and columns of the picture of samples, at most


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--step",
        type=int,
        required=True,
        help="a training step of the study's `checkpoints.steps`, or the last one",
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the checkpoint's rows, with the run's status; with value NaN and n 0 if there is none."""
    job, step = model_job(study, arguments, checkpoint_fingerprint), arguments.step
    require_trained(study, job.model)
    candidates = study.model(job.model).candidates
    if step not in candidates:
        known = ", ".join(map(str, candidates))
        raise StudyError(f"{study.file}: {job.model} keeps no weights of step {step}, only of {known}")
    path = job.output(layout.CHECKPOINT_ROWS, step=step)
    from ddpm.evaluation.checkpoints import is_candidate
    from ddpm.evaluation.protocol import PAPERS_METRICS, missing_scores, told
    from ddpm.evaluation.quality import ImageSet, measure_samples
    from ddpm.network.weights import read_weights

    _, about = read_weights(job.checkpoint(candidates[-1]))
    status, title = str(about["status"]), f"checkpoint {job.title} step {step:,}"
    if is_candidate(status, step, job.checkpoint(step)):
        samples = _draw(job, step, status, title)
        _show(job, step, samples.images)
        sets = [ImageSet(samples.images, "train", PAPERS_METRICS)]
        note = f"of {len(samples.images):,} samples of the averaged weights at step {step:,}"
        with job.evaluator() as evaluator:
            name = f"{title} quality"
            [scores] = measure_samples(samples, sets, job.references, evaluator, name, job.overrides)
        scores = [score.noting(note) for score in scores]
        about, status = samples.provenance, samples.about["status"]
    else:
        scores = missing_scores(PAPERS_METRICS, "train", f"not measured: training {status}")
    hashes = {key: about[key] for key in ("data_hash", "weights_hash")}
    seed = study.model(job.model).checkpoints.seed
    job.write_rows(path, job.rows(scores, status=status, sampling_seed=seed, **hashes))
    logger.info(f"{title}: {told(scores)}")


def _show(job: ModelJob, step: int, images: np.ndarray) -> None:
    """Writes some of the samples as one picture beside the weights, to be looked at; no result needs it."""
    from PIL import Image

    from ddpm.artefacts.figures.grid import Grid
    from ddpm.records.files import atomic_path

    rows = columns = min(_SIDE, math.isqrt(len(images)))
    height, width = images.shape[2:]
    grid = Grid(rows, columns, height, width, scale=max(1, 32 // height))
    with atomic_path(job.path(layout.CHECKPOINT_SAMPLES, step=step)) as temporary:
        Image.fromarray(grid.render(images[: rows * columns])).save(temporary, format="PNG")


def _draw(job: ModelJob, step: int, status: str, title: str) -> Samples:
    """Samples of the weights of a step, with the weights' provenance; `status` is that of the run."""
    from ddpm.evaluation.samples import Samples
    from ddpm.model import load_model
    from ddpm.network.execution import Execution
    from ddpm.sampling.shards import draw_shard

    study, sampling = job.study, job.study.sampling_of(job.model)
    settings, fingerprint = study.model(job.model).checkpoints, training_fingerprint(study, job.model)
    execution = Execution(sampling.precision, sampling.compiled)
    trained = load_model(study, job.model, str(job.checkpoint(step)), fingerprint, job.device, execution)
    job.require_data(trained.provenance, f"checkpoint of {job.title}")
    images = settings.images
    whole = sampling.model_copy(update={"images": images, "batches_per_shard": images})
    network, shape = trained.network, job.image_shape
    shard = draw_shard(trained.diffusion, network, shape, 0, whole, settings.seed, [], title)
    return Samples(shard.images, status, trained.provenance, shard.non_finite)
