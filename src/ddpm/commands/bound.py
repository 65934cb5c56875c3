"""Evaluate the terms of the variational bound for one shard (a part) of the training or test images."""

from __future__ import annotations

import argparse
import logging

from ddpm.commands.arguments import add_model_arguments, model_job
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import likelihood_fingerprint
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "evaluate"
EXAMPLES = ("ddpm bound config/demo.yaml --model epsilon_L_simple --split test",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--split", choices=["train", "test"], default="test", help="of which images (default test)"
    )
    parser.add_argument("--shard", type=int, default=0, help="which shard of them, from 0 (default 0)")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes one row an image: image, prior, terms [T], mse [T]; none if the training diverged."""
    job, settings = model_job(study, arguments, likelihood_fingerprint), study.likelihood
    split, shard = arguments.split, arguments.shard
    path = job.output(layout.BOUND_TERMS, split=split, shard=shard)
    import torch

    from ddpm.data.store import open_images
    from ddpm.evaluation.bound_terms import bound_terms, no_terms
    from ddpm.records.traced_files import write_frame

    trained, provenance = job.trained(settings, split=split)
    if trained is None:
        write_frame(path, no_terms(), provenance)
        logger.info(f"bound {job.title}: none, training {provenance['status']}")
        return
    images, timesteps = open_images(study, job.dataset, split, job.device), trained.diffusion.timesteps
    count = settings.evaluated(len(images))
    shards = settings.shards(count, timesteps)
    if not 0 <= shard < shards:
        raise StudyError(f"--shard {shard}: {study.file} has shards 0 to {shards - 1} of this split")
    first, last = settings.shard_range(shard, count, timesteps)
    pixels = images.rows(torch.arange(first, last))
    title = f"bound {job.title} {split} shard {shard + 1}/{shards}"
    terms = bound_terms(trained.diffusion, trained.network, pixels, first, settings, title)
    write_frame(path, terms.frame(first), provenance | trained.network.provenance())
