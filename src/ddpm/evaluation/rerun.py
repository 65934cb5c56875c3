"""One batch of a study's samples drawn again, which gives the same bits on the same kind of machine."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.errors import DDPMError
from ddpm.evaluation.model_job import ModelJob
from ddpm.graph import layout
from ddpm.graph.fingerprint import sampling_fingerprint
from ddpm.records.status import TRAINED
from ddpm.records.traced_files import read_arrays, read_provenance
from ddpm.sampling.shards import draw_shard
from ddpm.study import Study

# What must be the same of both for the same bits.
_CONDITIONS = ("hardware", "execution", "weights_hash", "settings")


@dataclasses.dataclass(frozen=True)
class Rerun:
    """What came of drawing samples again.

    Attributes:
        file: the shard.
        images: how many samples were drawn.
        different: how many of them have other bits.
        reason: why nothing was drawn; "" if samples were.
    """

    file: Path
    images: int = 0
    different: int = 0
    reason: str = ""


def rerun_samples(study: Study, device: str) -> Rerun | None:
    """Draws the first batch of the cheapest model's samples again; None where the study has no samples.

    Args:
        study: the study.
        device: "cpu" or "cuda". torch must have as many threads as the workflow's jobs.

    Raises:
        DDPMError: the samples or the weights are damaged, or the weights are of other settings.
    """
    jobs = list(_jobs(study, device))
    if not jobs:
        return None
    job = min(jobs, key=_cost)
    path = job.path(layout.SAMPLES, shard=0)
    kept, settings = read_provenance(path), study.sampling_of(job.model)
    trained, now = job.trained(settings, sampling_seed=job.sampling)
    if trained is None or (reason := _other_conditions(kept, now)):
        return Rerun(path, reason=reason if trained else "training diverged")
    one = settings.model_copy(
        update={"batches_per_shard": 1, "images": min(settings.images, settings.batch_size)}
    )
    title = f"draw samples of {job.title} again"
    shape, seed = job.image_shape, int(job.sampling or 0)
    drawn = draw_shard(trained.diffusion, trained.network, shape, 0, one, seed, [], title).images
    before = read_arrays(path, "images")["images"][: len(drawn)]
    if before.shape != drawn.shape:
        raise DDPMError(f"{path}: holds fewer samples than a batch; delete it and run `snakemake {path}`")
    return Rerun(path, len(drawn), int(np.any(before != drawn, axis=(1, 2, 3)).sum()))


def _jobs(study: Study, device: str) -> Iterator[ModelJob]:
    """Those models, each with its first seeds, whose first shard is here and was drawn from weights."""
    for model in study.models:
        settings = study.model(model)
        if settings.samples is not None:
            continue
        job = ModelJob(
            study=study,
            dataset=settings.dataset,
            settings=sampling_fingerprint(study, model),
            device=device,
            model=model,
            seed=settings.seeds[0],
            sampling=study.sampling_seeds(model)[0],
        )
        path = job.path(layout.SAMPLES, shard=0)
        if path.exists() and read_provenance(path).get("status") == TRAINED:
            yield job


def _cost(job: ModelJob) -> float:
    """About how much a batch costs, in no unit."""
    settings, sampling = job.study.model(job.model), job.study.sampling_of(job.model)
    steps = sampling.reverse_steps(settings.diffusion.timesteps)
    return math.prod(job.image_shape) * settings.network.channels**2 * steps * sampling.batch_size


def _other_conditions(kept: dict[str, Any], now: dict[str, Any]) -> str:
    """Which conditions are others than those of the samples that are kept; "" if none is."""
    return "; ".join(
        f"{name} was {kept.get(name)}, is {now.get(name)}"
        for name in _CONDITIONS
        if kept.get(name) != now.get(name)
    )
