"""Train one model with one seed, from wherever its saved state stands."""

from __future__ import annotations

import argparse
import logging
from typing import TYPE_CHECKING, Any

from ddpm.commands.arguments import add_model_arguments, require_model, require_trained
from ddpm.errors import StateError
from ddpm.files import require_writable
from ddpm.provenance import git_commit, hardware
from ddpm.study import Study, layout
from ddpm.study.fingerprint import training_fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from torch import Tensor

    from ddpm.training.checkpoints import Checkpoints
    from ddpm.training.loop import Outcome, Training

logger = logging.getLogger("ddpm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    parser.add_argument(
        "--restart", action="store_true", help="train anew; a saved state is renamed, not deleted"
    )


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Trains, or continues training, and writes the averaged weights and the training curve."""
    model, seed = require_model(study, arguments.model), arguments.seed
    require_trained(study, model)
    from ddpm.data.store import read_manifest
    from ddpm.training.state import StateFolder

    names = {"model": model, "seed": seed}
    weights = layout.path(layout.WEIGHTS, study.name, **names)
    manifest = read_manifest(study, study.model(model).dataset)
    fingerprint = training_fingerprint(study, model)
    states = StateFolder(
        layout.path(layout.STATE, study.name, **names), f"{fingerprint}-{manifest['data_hash'][:12]}"
    )
    require_writable(weights.parent)
    if arguments.restart:
        if (place := states.set_aside()) is not None:
            logger.info(f"train {model} seed {seed}: the saved state now lies in {place}")
    elif weights.exists():
        _check_finished(weights, fingerprint)
        logger.info(f"train {model} seed {seed}: {weights} is complete; --restart trains it anew")
        return
    training = _training(study, model, seed, arguments.device)
    provenance = {
        "study": study.name,
        "model": model,
        "training_seed": seed,
        "settings": fingerprint,
        "git_commit": git_commit(),
        "data_hash": manifest["data_hash"],
        "hardware": hardware(arguments.device),
    }
    outcome = training.run(states, f"train {model} seed {seed}", _checkpoints(study, names, provenance))
    training.save(states)
    _write(study, names, outcome, provenance | {"status": outcome.status, "updates": training.updates})
    states.clear()


def _training(study: Study, model: str, seed: int, device: str) -> Training:
    import torch

    from ddpm.data.store import read_images
    from ddpm.model import build_network, build_process
    from ddpm.training.loop import Training

    settings = study.model(model)
    images = torch.from_numpy(read_images(study, settings.dataset, "train")).to(device)
    network = build_network(study, model, seed).to(device)
    process = build_process(study, model).to(device)
    return Training(network, process, settings.diffusion.loss, settings.training, images, seed)


def _checkpoints(study: Study, names: dict[str, Any], provenance: dict[str, Any]) -> Checkpoints:
    from ddpm.network.weights import TRAINED, save_weights
    from ddpm.training.checkpoints import Checkpoints

    def keep(step: int, average: Mapping[str, Tensor]) -> None:
        path = layout.path(layout.CHECKPOINT, study.name, **names, step=step)
        save_weights(path, average, provenance | {"status": TRAINED, "updates": step})
        logger.info("wrote %s", path)

    return Checkpoints(study.model(names["model"]).checkpoints.steps, keep)


def _check_finished(weights: Any, fingerprint: str) -> None:
    from ddpm.network.weights import read_weights

    _, provenance = read_weights(weights)
    if provenance.get("settings") != fingerprint:
        raise StateError(
            f"{weights}: trained with other settings; --restart trains anew and replaces it, "
            "or restore the settings of the study file"
        )


def _write(study: Study, names: dict[str, Any], outcome: Outcome, provenance: dict[str, Any]) -> None:
    from ddpm.network.weights import save_weights
    from ddpm.traced_files import write_frame

    digest = save_weights(layout.path(layout.WEIGHTS, study.name, **names), outcome.average, provenance)
    curve = layout.path(layout.CURVE, study.name, **names)
    write_frame(curve, outcome.curve.frame(), provenance | {"weights_hash": digest})
    logger.info(f"train {names['model']} seed {names['seed']}: {outcome.status}, weights {digest[:12]}")
