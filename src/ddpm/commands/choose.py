"""Choose the weights of a training run that are evaluated: of minimum FID, or of a named step."""

from __future__ import annotations

import argparse
import logging
import math
from collections.abc import Collection
from typing import TYPE_CHECKING

from ddpm.commands.arguments import add_model_arguments, model_job, require_trained
from ddpm.errors import StudyError, WeightsError
from ddpm.graph import layout
from ddpm.graph.fingerprint import checkpoint_fingerprint, training_fingerprint, weights_fingerprint
from ddpm.graph.run_files import checkpoint_rows
from ddpm.records.status import evaluated_at, has_diverged
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.evaluation.model_job import ModelJob

logger = logging.getLogger("ddpm")
GROUP = "train"
EXAMPLES = ("ddpm choose config/paper.yaml --model epsilon_L_simple",)
add_arguments = add_model_arguments


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes a copy of the chosen weights, whose provenance says how they were chosen."""
    job = model_job(study, arguments, weights_fingerprint)
    require_trained(study, job.model)
    settings = study.model(job.model)
    if settings.checkpoints.evaluate == "last":
        raise StudyError(
            f"{study.file}: {job.model} is evaluated at its last step (checkpoints.evaluate): no choice is "
            "needed"
        )
    path = job.output(layout.CHOSEN)
    from ddpm.evaluation.checkpoints import is_candidate
    from ddpm.network.weights import read_weights, save_weights

    last = settings.training.steps
    _, provenance = read_weights(job.checkpoint(last))
    if provenance.get("settings") != training_fingerprint(study, job.model):
        raise WeightsError(
            f"{study.file}: {job.title} was trained with other settings; train it again "
            "(`ddpm train`) or restore the settings"
        )
    status = str(provenance["status"])
    usable = {step for step in settings.candidates if is_candidate(status, step, job.checkpoint(step))}
    step, reason = _choice(job, usable)
    if step not in usable:
        step, reason = last, f"training {status}"
    elif has_diverged(status):
        status = evaluated_at(status, step)
    tensors, provenance = read_weights(job.checkpoint(step))
    result = {"status": status, "settings": job.settings, "chosen": reason}
    save_weights(path, tensors, provenance | result)
    logger.info(f"choose {job.title}: step {step:,}, {reason}")


def _choice(job: ModelJob, usable: Collection[int]) -> tuple[int, str]:
    """The step, and why it was chosen."""
    settings = job.study.model(job.model)
    checkpoints = settings.checkpoints
    if isinstance(checkpoints.evaluate, int):
        return checkpoints.evaluate, "as checkpoints.evaluate says"
    from ddpm.evaluation.checkpoints import best_step

    rows = dict(zip(settings.candidates, checkpoint_rows(job.study, job.model, job.seed), strict=True))
    step, fid = best_step(rows, checkpoint_fingerprint(job.study, job.model))
    if math.isnan(fid) and step in usable:
        raise WeightsError(f"{job.study.file}: {job.title}: no checkpoint has a finite FID to choose by")
    chosen = f"minimum FID of {len(usable)} checkpoints, {fid:.2f} of {checkpoints.images:,} samples each"
    return step, chosen
