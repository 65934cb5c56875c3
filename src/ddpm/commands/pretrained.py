"""Import published weights for a model that is not trained."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING

from ddpm.commands.arguments import add_model_arguments, require_model
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import weights_fingerprint
from ddpm.graph.run_files import pretrained_file
from ddpm.records.files import require_writable
from ddpm.records.provenance import git_commit, hardware
from ddpm.study import Study
from ddpm.study.carried import carried_settings
from ddpm.study.pretrained import PretrainedSettings

if TYPE_CHECKING:
    from ddpm.network.published.importing import PublishedWeights

logger = logging.getLogger("ddpm")

GROUP = "train"
EXAMPLES = ("ddpm pretrained config/released.yaml --model epsilon_L_simple",)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Converts the published weights to this network's names and writes them with their provenance."""
    model, seed = require_model(study, arguments.model), arguments.seed
    source = study.model(model).pretrained
    if source is None:
        raise StudyError(
            f"{study.file}: models.{model} has no `pretrained` weights; train it "
            f"(`ddpm train {study.file} --model {model}`) or add `pretrained`"
        )
    if source.model is not None:
        raise StudyError(
            f"{study.file}: models.{model} uses the weights of {source.model} as they are, without import; "
            f"sample it (`ddpm sample {study.file} --model {model}`)"
        )
    target = layout.path(layout.IMPORTED, study.name, model=model, seed=seed)
    require_writable(target.parent)
    from ddpm.model import build_network
    from ddpm.network.published.importing import import_weights
    from ddpm.network.weights import TRAINED, save_weights

    network = build_network(study, model, seed=0)
    published = import_weights(pretrained_file(study, model), network, source.sha256, source.averaged)
    origin = _origin(source, published)
    provenance = {
        "study": study.name,
        "model": model,
        "training_seed": seed,
        "settings": weights_fingerprint(study, model),
        "git_commit": git_commit(*study.files),
        "data_hash": None,
        "hardware": hardware("cpu"),
        "status": TRAINED,
        "origin": origin,
        "origin_sha256": published.sha256,
        "layout": published.convention,
        "averaged": published.averaged,
        **carried_settings(study, model),
    }
    digest = save_weights(target, published.tensors, provenance)
    logger.info(
        f"pretrained {model} seed {seed}: {published.parameters:,} parameters from {origin} "
        f"(named as in {published.convention}); {_AVERAGED[published.averaged]}, weights {digest[:12]}"
    )
    if published.taken:
        logger.info(f"{published.file}: {published.taken}")
    _say_what_is_unchecked(published)


_AVERAGED = {
    True: "averaged (EMA)",
    False: "raw, not averaged (EMA): their FID is far worse",
    None: "averaged or raw: unknown",
}


def _origin(source: PretrainedSettings, published: PublishedWeights) -> str:
    if source.repository is None:
        return str(published.file)
    return f"{source.repository}@{source.revision}, {source.repository_file}"


def _say_what_is_unchecked(published: PublishedWeights) -> None:
    if published.convention == "diffusers" and published.config is None:
        logger.info(
            f"{published.file}: no config.json beside it; padding, timestep embedding and epsilon of "
            "GroupNorm are taken to be the paper's"
        )
