"""Evaluate the terms of the variational bound on one shard of a split."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

from ddpm.commands.arguments import add_model_arguments, require_model
from ddpm.commands.trained_model import open_trained_model
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import likelihood_fingerprint
from ddpm.records.files import require_writable
from ddpm.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.model import TrainedModel

logger = logging.getLogger("ddpm")

COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument("--split", choices=["train", "test"], default="test")
    parser.add_argument("--shard", type=int, default=0, help="which shard, from 0")


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes one row an image: image, prior, terms [T], mse [T]; none if the training diverged."""
    model = require_model(study, arguments.model)
    names = {"model": model, "seed": arguments.seed, "split": arguments.split}
    path = layout.path(layout.BOUND_TERMS, study.name, **names, shard=arguments.shard)
    require_writable(path.parent)
    from ddpm.records.traced_files import write_frame

    result = {"split": arguments.split, "settings": likelihood_fingerprint(study, model)}
    trained, provenance = open_trained_model(
        study, model, arguments.seed, arguments.device, study.likelihood, result
    )
    if trained is None:
        write_frame(path, _no_terms(), provenance)
        logger.info(f"bound {model} seed {arguments.seed}: none, training {provenance['status']}")
        return
    terms = _terms(study, model, arguments, trained)
    write_frame(path, terms, provenance | trained.network.provenance())


def _terms(study: Study, model: str, arguments: argparse.Namespace, trained: TrainedModel) -> pd.DataFrame:
    import pandas as pd
    import torch

    from ddpm.data.store import open_images
    from ddpm.evaluation.bound_terms import bound_terms

    settings, timesteps = study.likelihood, trained.process.timesteps
    split = open_images(study, study.model(model).dataset, arguments.split, arguments.device)
    count = settings.evaluated(len(split))
    shards = settings.shards(count, timesteps)
    if not 0 <= arguments.shard < shards:
        raise StudyError(
            f"--shard {arguments.shard}: {study.file} has shards 0 to {shards - 1} of this split"
        )
    first, last = settings.shard_range(arguments.shard, count, timesteps)
    terms = bound_terms(
        trained.process,
        trained.network,
        split.rows(torch.arange(first, last)),
        first,
        settings.group_size(timesteps),
        settings.batch_size,
        settings.seed,
        f"bound {model} seed {arguments.seed} {arguments.split} shard {arguments.shard + 1}/{shards}",
    )
    image = range(first, last)
    return pd.DataFrame(
        {"image": image, "prior": terms.prior, "terms": list(terms.terms), "mse": list(terms.mse)}
    )


def _no_terms() -> pd.DataFrame:
    import pandas as pd

    return pd.DataFrame({name: [] for name in ("image", "prior", "terms", "mse")})
