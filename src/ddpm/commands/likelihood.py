"""Gather a split's shards of the bound into NLL, rate and distortion."""

from __future__ import annotations

import argparse
import logging

from ddpm.commands.arguments import add_model_arguments, model_job
from ddpm.graph import layout
from ddpm.graph.fingerprint import likelihood_fingerprint
from ddpm.graph.run_files import bound_shards
from ddpm.records.status import is_evaluated, not_finite
from ddpm.study import Study

logger = logging.getLogger("ddpm")

GROUP = "evaluate"
EXAMPLES = ("ddpm likelihood config/demo.yaml --model epsilon_L_simple --split test",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--split", choices=["train", "test"], default="test", help="of which images (default test)"
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the measurement rows, and rate and distortion at each t; empty if there are none."""
    import pandas as pd

    from ddpm.data.store import read_manifest
    from ddpm.evaluation.rate_distortion import (
        COLUMNS,
        is_finite,
        likelihood_scores,
        rate_distortion,
        read_bound_terms,
    )
    from ddpm.records.measurements import measurements
    from ddpm.records.shards import read_records
    from ddpm.records.traced_files import write_frame

    job, split = model_job(study, arguments, likelihood_fingerprint), arguments.split
    size, timesteps = (
        read_manifest(study, job.dataset)["counts"][split],
        study.model(job.model).diffusion.timesteps,
    )
    shards = bound_shards(study, job.model, job.seed, split)
    call = f"--model {job.model} --seed {job.seed} --split {split}"
    remedy = f"run `ddpm bound {study.file} {call}` for each shard"
    provenance = read_records(shards, job.settings, remedy)[0]
    job.require_data(provenance, f"bound of {job.title}")
    frame = None
    if is_evaluated(provenance["status"]):
        frame = read_bound_terms(shards, study.likelihood.evaluated(size))
        if not is_finite(frame):
            frame, provenance["status"] = None, not_finite(provenance["status"])
    curve = pd.DataFrame({name: [] for name in COLUMNS}) if frame is None else rate_distortion(frame)
    scores = likelihood_scores(frame, split, size, timesteps, provenance["status"])
    about = {key: provenance[key] for key in ("status", "data_hash", "weights_hash", "hardware")}
    write_frame(job.path(layout.RATE_DISTORTION, split=split), curve, provenance)
    job.write_rows(job.path(layout.LIKELIHOOD_ROWS, split=split), measurements(scores, job.about | about))
    nll = scores[0]
    found = f"NLL <= {nll.value:.3f} +- {nll.spread or 0:.3f} bits/dim over {nll.n:,} images"
    logger.info(f"likelihood {job.title} {split}: {nll.protocol if frame is None else found}")
