"""Draw one shard (a part) of a model's samples, or take it from others' samples."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.commands.arguments import add_sample_arguments, model_job
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.evaluation.model_job import ModelJob
    from ddpm.sampling.shards import Shard
    from ddpm.study.evaluation import SamplingSettings

logger = logging.getLogger("ddpm")

GROUP = "sample"
EXAMPLES = ("ddpm sample config/demo.yaml --model epsilon_L_simple --shard 0",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_sample_arguments(parser)
    parser.add_argument("--shard", type=int, default=0, help="which shard, from 0 (default 0)")
    parser.add_argument(
        "--png",
        type=Path,
        metavar="FOLDER",
        help="also write each image there: 000000.png, ..., by its number (default: none)",
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the shard; one without images if the model's training diverged."""
    job, number = model_job(study, arguments, sampling_fingerprint), arguments.shard
    settings = study.sampling_of(job.model)
    if not 0 <= number < settings.shards:
        raise StudyError(f"--shard {number}: {study.file} has shards 0 to {settings.shards - 1}")
    path = job.output(layout.SAMPLES, shard=number)
    from ddpm.records.traced_files import write_arrays
    from ddpm.sampling.png import png_paths, require_free, write_pngs
    from ddpm.sampling.shards import draw_shard, no_samples, progressive_steps

    if arguments.png is not None:
        size = settings.batch_size * settings.batches_per_shard
        numbers = range(number * size, min((number + 1) * size, settings.images))
        require_free(pngs := png_paths(arguments.png, numbers))
    if study.model(job.model).samples is not None:
        shard, provenance = _given(job, settings, number)
        write_arrays(path, shard.arrays(), provenance)
        if arguments.png is not None:
            write_pngs(pngs, shard.images)
        return
    steps = settings.reverse_steps(study.model(job.model).diffusion.timesteps)
    columns = settings.progressive_columns if study.keeps_progress(job.model) else 0
    keep = progressive_steps(steps, columns)
    trained, provenance = job.trained(settings, sampling_seed=job.sampling)
    if trained is None:
        write_arrays(path, no_samples(job.image_shape, keep).arrays(), provenance)
        logger.info(f"sample {job.title}: none, training {provenance['status']}")
        return
    title, seed = f"sample {job.title} shard {number + 1}/{settings.shards}", arguments.sampling
    shard = draw_shard(
        trained.diffusion, trained.network, job.image_shape, number, settings, seed, keep, title
    )
    provenance |= trained.network.provenance() | {"non_finite": shard.non_finite}
    write_arrays(path, shard.arrays(), provenance)
    if arguments.png is not None:
        write_pngs(pngs, shard.images)
        logger.info(f"sample {job.title}: wrote {len(pngs):,} images, {pngs[0]} to {pngs[-1].name}")


def _given(job: ModelJob, settings: SamplingSettings, number: int) -> tuple[Shard, dict[str, Any]]:
    """A shard of others' samples, and where they come from."""
    from ddpm.records.status import TRAINED
    from ddpm.sampling.given import given_hash, given_shard

    source = str(job.study.model(job.model).samples)
    size = settings.batch_size * settings.batches_per_shard
    last = min((number + 1) * size, settings.images)
    shard = given_shard(source, job.image_shape, number * size, last)
    origin = {"origin": source, "weights_hash": given_hash(source), "status": TRAINED}
    logger.info(f"sample {job.title}: images {number * size:,} to {last - 1:,} of {source}")
    return shard, job.about | origin | {"study_files": job.study.files, "data_hash": None, "non_finite": 0}
