"""Arguments that several verbs share, and their checks."""

from __future__ import annotations

import argparse

from ddpm.errors import StudyError
from ddpm.evaluation.job import Fingerprint
from ddpm.evaluation.model_job import ModelJob
from ddpm.study import Study
from ddpm.study.names import require_model


def add_model_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model and --seed: which training run."""
    parser.add_argument("--model", required=True, help="a key of `models` in the study file")
    parser.add_argument("--seed", type=int, default=0, help="training seed (default 0)")


def add_sample_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds --model, --seed and --sampling: which set of samples."""
    add_model_arguments(parser)
    parser.add_argument("--sampling", type=int, default=0, help="sampling seed (default 0)")


def add_schedule_argument(parser: argparse.ArgumentParser) -> None:
    """Adds --schedule: which code of `compression.schedules`."""
    parser.add_argument(
        "--schedule",
        default="progressive",
        metavar="NAME",
        help="a key of `compression.schedules`: progressive (the default), progressive_x1, archive, bound",
    )


def require_trained(study: Study, model: str) -> None:
    """Raises StudyError if the model is not trained: it has others' weights or others' samples."""
    if (source := study.model(model).weights_of) is not None:
        raise StudyError(
            f"{study.file}: {model} has the weights of {source} (`pretrained.model`) and is not trained: "
            f"give --model {source}, or remove `pretrained`"
        )
    if (samples := study.model(model).samples) is not None:
        raise StudyError(
            f"{study.file}: {model} has others' samples ({samples}) and is not trained: run "
            f"`ddpm sample {study.file} --model {model}`, or remove `samples`"
        )
    if study.model(model).pretrained is not None:
        raise StudyError(
            f"{study.file}: {model} has published weights (`pretrained`) and is not trained: run "
            f"`ddpm pretrained {study.file} --model {model}`, or remove `pretrained`"
        )


def model_job(study: Study, arguments: argparse.Namespace, fingerprint: Fingerprint) -> ModelJob:
    """The job of a verb with --model and --seed, and perhaps --sampling and --device.

    Raises:
        StudyError: the study has no such model.
    """
    model = require_model(study, arguments.model)
    return ModelJob(
        study=study,
        dataset=study.model(model).dataset,
        settings=fingerprint(study, model),
        device=getattr(arguments, "device", "cpu"),
        model=model,
        seed=arguments.seed,
        sampling=getattr(arguments, "sampling", None),
    )
