"""Gather a split's shards of the bound into NLL, rate and distortion."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING, Any

from ddpm.commands.arguments import add_model_arguments, require_model
from ddpm.graph import layout
from ddpm.graph.dependencies import bound_shards
from ddpm.graph.fingerprint import likelihood_fingerprint
from ddpm.records.provenance import git_commit
from ddpm.records.status import is_evaluated
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.evaluation.rate_distortion import Likelihood
    from ddpm.records.measurements import Measurement

logger = logging.getLogger("ddpm")
METRICS = ("NLL", "L_T", "L_1:T-1", "L_0", "rate", "distortion", "RMSE")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument("--split", choices=["train", "test"], default="test")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the measurement rows, and rate and distortion at each t."""
    from ddpm.data.store import read_manifest
    from ddpm.evaluation.rate_distortion import likelihood, rate_distortion, read_bound_terms
    from ddpm.records.measurements import write_measurements
    from ddpm.records.traced_files import read_provenance, write_frame

    model = require_model(study, arguments.model)
    names = {"model": model, "seed": arguments.seed, "split": arguments.split}
    size = read_manifest(study, study.model(model).dataset)["counts"][arguments.split]
    images = study.likelihood.evaluated(size)
    shards = bound_shards(study, model, arguments.seed, arguments.split)
    provenance = read_provenance(shards[0])
    rows_path = layout.path(layout.LIKELIHOOD_ROWS, study.name, **names)
    curve_path = layout.path(layout.RATE_DISTORTION, study.name, **names)
    if not is_evaluated(provenance["status"]):
        write_measurements(rows_path, _rows(study, arguments, provenance, None, size))
        write_frame(curve_path, _empty_curve(), provenance)
        return
    frame = read_bound_terms(shards, images)
    result = likelihood(frame)
    write_frame(curve_path, rate_distortion(frame), provenance)
    write_measurements(rows_path, _rows(study, arguments, provenance, result, size))
    value, error = result.parts["NLL"]
    logger.info(
        f"likelihood {model} seed {arguments.seed} {arguments.split}: NLL <= {value:.3f} +- {error or 0:.3f} "
        f"bits/dim over {result.n} images"
    )


def _rows(
    study: Study,
    arguments: argparse.Namespace,
    provenance: dict[str, Any],
    result: Likelihood | None,
    split_size: int,
) -> list[Measurement]:
    from ddpm.records.measurements import Measurement

    timesteps = study.model(arguments.model).diffusion.timesteps
    protocol = (
        f"bound of all {timesteps} terms, one noise draw each, x0-hat clipped; "
        "spread: standard error over images"
    )
    if result is not None and result.n < split_size:
        protocol += f"; only the first {result.n:,} of {split_size:,} {arguments.split} images"
    if result is None:
        protocol = f"no bound: training {provenance['status']}"
    parts = result.parts if result else dict.fromkeys(METRICS, (float("nan"), None))
    return [
        Measurement(
            study=study.name,
            model=arguments.model,
            training_seed=arguments.seed,
            metric=metric,
            split=arguments.split,
            value=parts[metric][0],
            spread=parts[metric][1],
            n=result.n if result else 0,
            protocol=protocol,
            status=provenance["status"],
            settings=likelihood_fingerprint(study, arguments.model),
            git_commit=git_commit(),
            data_hash=provenance["data_hash"],
            weights_hash=provenance["weights_hash"],
            hardware=provenance["hardware"],
        )
        for metric in METRICS
    ]


def _empty_curve() -> Any:
    import pandas as pd

    from ddpm.evaluation.rate_distortion import COLUMNS

    return pd.DataFrame({name: [] for name in COLUMNS})
