"""Gather a split's shards of the bound into NLL, rate and distortion."""

from __future__ import annotations

import argparse
import logging

from ddpm.commands.arguments import add_model_arguments, model_job
from ddpm.graph import layout
from ddpm.graph.dependencies import bound_shards
from ddpm.graph.fingerprint import likelihood_fingerprint
from ddpm.records.status import is_evaluated
from ddpm.study import Study

logger = logging.getLogger("ddpm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument("--split", choices=["train", "test"], default="test")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the measurement rows, and rate and distortion at each t; empty if the training diverged."""
    import pandas as pd

    from ddpm.data.store import read_manifest
    from ddpm.evaluation.rate_distortion import COLUMNS, likelihood_scores, rate_distortion, read_bound_terms
    from ddpm.records.measurements import measurements, write_measurements
    from ddpm.records.traced_files import read_provenance, write_frame

    job, split = model_job(study, arguments, likelihood_fingerprint), arguments.split
    size, timesteps = (
        read_manifest(study, job.dataset)["counts"][split],
        study.model(job.model).diffusion.timesteps,
    )
    shards = bound_shards(study, job.model, job.seed, split)
    provenance = read_provenance(shards[0])
    frame, curve, status = None, pd.DataFrame({name: [] for name in COLUMNS}), provenance["status"]
    if is_evaluated(status):
        frame = read_bound_terms(shards, study.likelihood.evaluated(size))
        curve = rate_distortion(frame)
    scores = likelihood_scores(frame, split, size, timesteps, status)
    about = {key: provenance[key] for key in ("status", "data_hash", "weights_hash", "hardware")}
    write_frame(job.path(layout.RATE_DISTORTION, split=split), curve, provenance)
    write_measurements(job.path(layout.LIKELIHOOD_ROWS, split=split), measurements(scores, job.about | about))
    if frame is not None:
        nll = scores[0]
        found = f"NLL <= {nll.value:.3f} +- {nll.spread or 0:.3f} bits/dim over {nll.n} images"
        logger.info(f"likelihood {job.title} {split}: {found}")
