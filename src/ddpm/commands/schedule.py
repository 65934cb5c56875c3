"""Fit a code for images to a model: its steps (the schedule) and its frequencies of symbols."""

from __future__ import annotations

import argparse
import functools
import logging
from typing import TYPE_CHECKING

import numpy as np

from ddpm.commands.arguments import add_model_arguments, add_schedule_argument, model_job
from ddpm.errors import DataError, StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import likelihood_fingerprint, schedule_fingerprint
from ddpm.records.status import TRAINED, is_evaluated
from ddpm.study import Study

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.compression.schedule_file import FittedCode
    from ddpm.evaluation.model_job import ModelJob
    from ddpm.model import TrainedModel
    from ddpm.study.compression import ScheduleSettings

logger = logging.getLogger("ddpm")

GROUP = "compress"
EXAMPLES = ("ddpm schedule config/demo.yaml --model epsilon_L_simple --schedule archive",)
COMPUTES = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the verb's own arguments."""
    add_model_arguments(parser)
    add_schedule_argument(parser)


def run(study: Study, arguments: argparse.Namespace) -> None:
    """Writes the code; it is fitted to errors on the training split and to training images alone."""
    name = arguments.schedule
    job = model_job(study, arguments, functools.partial(schedule_fingerprint, schedule=name))
    path = job.output(layout.SCHEDULE, schedule=name)
    from ddpm.compression.schedule_file import write_code, write_no_code

    trained, provenance = job.trained(study.likelihood, schedule=name)
    curve, status = _curve(job, provenance.get("weights_hash"))
    if trained is None or not is_evaluated(status):
        write_no_code(path, status, provenance | {"status": status})
        logger.info(f"schedule {job.title} {name}: none, training {status}")
        return
    code, bounds = _fitted(job, trained, curve, study.compression.schedules[name])
    write_code(path, code, provenance | {"expected_bits_per_dim_by_latents": bounds})
    expected, steps = sum(code.schedule.kl), len(code.schedule.times)
    logger.info(
        f"schedule {job.title} {name}: {steps} latents down to t = {code.schedule.times[-1] + 1}, "
        f"{expected:.3f} bits/dim expected on the training split"
    )


def _curve(job: ModelJob, weights_hash: str | None) -> tuple[pd.DataFrame, str]:
    """The model's errors and terms on the training split by t, and its status; no rows if it has none.

    Raises:
        DataError: they are missing, damaged, or not of these weights and settings.
    """
    from ddpm.records.traced_files import read_frame, read_provenance

    path = job.path(layout.RATE_DISTORTION, split="train")
    frame, source = read_frame(path), read_provenance(path)
    wanted = (likelihood_fingerprint(job.study, job.model), weights_hash)
    if (source.get("settings"), source.get("weights_hash")) != wanted:
        raise DataError(f"{path}: not the errors of these weights; make them with `snakemake {path}`")
    return frame.sort_values("t"), str(source.get("status", TRAINED))


def _fitted(
    job: ModelJob, trained: TrainedModel, curve: pd.DataFrame, settings: ScheduleSettings
) -> tuple[FittedCode, dict[str, float]]:
    """The code, and the expected bits/dim of the best codes of other numbers of latents."""
    from ddpm.compression import fitting
    from ddpm.compression.model import CodingModel
    from ddpm.compression.schedule_file import FittedCode

    diffusion, network = trained.diffusion, trained.network
    pixels, compression = job.images("train"), job.study.compression
    pixels = np.ascontiguousarray(pixels[: compression.training_images])
    progressive, bounds = settings.mode == "progressive", {}
    try:
        if settings.variance == "model":
            schedule = fitting.model_schedule(diffusion, curve["term"].to_numpy(np.float64))
        else:
            errors, end = curve["mse"].to_numpy(np.float64), 0 if settings.last == "x_1" else None
            alpha_bar = diffusion.alpha_bar.cpu().numpy()
            decoder = fitting.decoder_bits(diffusion, network, pixels, errors)
            bounds = fitting.bound_by_steps(alpha_bar, errors, decoder, settings.variance, end)
            schedule = fitting.fitted_schedule(
                alpha_bar,
                errors,
                decoder,
                dimensions=int(np.prod(job.image_shape)),
                variance=settings.variance,
                end=end,
                steps=diffusion.timesteps if settings.steps == "all" else settings.steps,
                chunk=fitting.CHUNK_BITS if progressive else None,
            )
    except ValueError as error:
        raise StudyError(f"{job.study.file}: compression.schedules: {error}") from error
    if not progressive:
        return FittedCode(settings.mode, schedule), bounds
    model = CodingModel(diffusion, network, schedule, min(compression.batch_size, len(pixels)))
    return FittedCode(settings.mode, schedule, tuple(fitting.fitted_codes(model, pixels))), bounds
