"""Choose the weights of a training run that are evaluated: of minimum FID, or of a named step."""

from __future__ import annotations

import argparse
import logging
import math

from ddpm.commands.arguments import add_model_arguments, require_model, require_trained
from ddpm.errors import StudyError, WeightsError
from ddpm.graph import layout
from ddpm.graph.fingerprint import training_fingerprint, weights_fingerprint
from ddpm.records.files import require_writable
from ddpm.records.status import evaluated_at, has_diverged
from ddpm.study import Study

logger = logging.getLogger("ddpm")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes a copy of the chosen weights, whose provenance says how they were chosen."""
    model, seed = require_model(study, arguments.model), arguments.seed
    require_trained(study, model)
    if study.model(model).checkpoints.evaluate == "last":
        raise StudyError(
            f"{study.file}: {model} is evaluated at its last step (checkpoints.evaluate): no choice is needed"
        )
    path = layout.path(layout.CHOSEN, study.name, model=model, seed=seed)
    require_writable(path.parent)
    from ddpm.evaluation.checkpoints import checkpoint_file, has_checkpoint
    from ddpm.network.weights import read_weights, save_weights

    _, provenance = read_weights(layout.path(layout.WEIGHTS, study.name, model=model, seed=seed))
    if provenance.get("settings") != training_fingerprint(study, model):
        raise WeightsError(
            f"{study.file}: {model} seed {seed} was trained with other settings; train it again "
            "(`ddpm train`) or restore the settings"
        )
    status = str(provenance["status"])
    step, reason = _choice(study, model, seed)
    if not has_checkpoint(study, model, seed, step):
        step, reason = study.model(model).training.steps, f"training {status}"
    elif has_diverged(status):
        status = evaluated_at(status, step)
    tensors, provenance = read_weights(checkpoint_file(study, model, seed, step))
    result = {"status": status, "settings": weights_fingerprint(study, model), "chosen": reason}
    save_weights(path, tensors, provenance | result)
    logger.info(f"choose {model} seed {seed}: step {step:,}, {reason}")


def _choice(study: Study, model: str, seed: int) -> tuple[int, str]:
    """The step, and why it was chosen."""
    checkpoints = study.model(model).checkpoints
    if isinstance(checkpoints.evaluate, int):
        return checkpoints.evaluate, "as checkpoints.evaluate says"
    from ddpm.evaluation.checkpoints import best_step, has_checkpoint

    step, fid = best_step(study, model, seed)
    if math.isnan(fid) and has_checkpoint(study, model, seed, step):
        raise WeightsError(f"{study.file}: {model} seed {seed}: no checkpoint has a finite FID to choose by")
    count = sum(has_checkpoint(study, model, seed, step) for step in study.model(model).candidates)
    return step, f"minimum FID of {count} checkpoints, {fid:.2f} of {checkpoints.images:,} samples each"
