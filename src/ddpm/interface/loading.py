"""`ddpm.load`: from a study, a weights file or a published repository to a model."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from ddpm.errors import DDPMError, WeightsError
from ddpm.interface.files import of_own_file, of_published
from ddpm.interface.model import Model
from ddpm.interface.repositories import fetched, is_repository
from ddpm.interface.studies import of_results, of_study, results_folder
from ddpm.network.weights import read_weights


def load(
    source: str | os.PathLike[str],
    model: str | None = None,
    *,
    seed: int | None = None,
    device: str = "auto",
    settings: Mapping[str, Any] | None = None,
    averaged: bool | None = None,
    revision: str = "main",
    repository_file: str = "diffusion_pytorch_model.safetensors",
) -> Model:
    """A trained model, ready to sample.

    Args:
        source: one of
            - the folder of a study's results (`results/demo`; `results` is the paper's), or a study file
              (`config/demo.yaml`), whose results lie in the working folder;
            - a weights file of this project (`.safetensors`);
            - published weights: a file or folder in a format that `pretrained` understands, or the name of a
              Hugging Face repository, `owner/name`, which is fetched into `resources/`.
        model: a key of the study's `models`; None if it has one model alone. Of files, None.
        seed: the training seed; None for the model's first in the study. Of files, None.
        device: "auto" (a GPU where torch finds one) or a device of torch: "cpu", "cuda", "cuda:1".
        settings: of published weights: a mapping with `image_shape` [C, H, W], `network` and
            `diffusion`, with the keys of a study file. What it lacks is taken from diffusers' config files
            beside the weights or else is the paper's for CIFAR-10. Of this project's files, None: they carry
            their settings.
        averaged: of published weights: True or False takes averaged (EMA) or raw ones where both lie there.
        revision, repository_file: of a repository: its branch, tag or commit, and the file of weights in it.

    Raises:
        DDPMError: there is no such study, model, seed or file; the model is not trained yet, or its training
            diverged; its settings have changed since; the weights are damaged or of another network. The
            message names the file and what to do.
    """
    path, place = Path(source), _device(device)
    of_a_study = path.suffix in (".yaml", ".yml") or results_folder(path) is not None
    if of_a_study:
        _none_given(path, "is a study", settings=settings, averaged=averaged)
        load_from = of_study if path.suffix in (".yaml", ".yml") else of_results
        return load_from(path, model, seed, place)
    _none_given(path, "is no study", model=model, seed=seed)
    if os.path.isfile(path) and path.suffix == ".safetensors" and read_weights(path)[1]:
        _none_given(path, "is this project's and says itself what it holds", averaged=averaged)
        return of_own_file(path, settings, place)
    if os.path.lexists(path):
        return of_published(path, settings, averaged, place)
    if is_repository(str(source)):
        return of_published(
            fetched(str(source), revision, repository_file), settings, averaged, place, str(source)
        )
    raise WeightsError(
        f"{path}: no such file. Give a study (`results/demo`, `config/demo.yaml`), a file of weights, or a "
        "Hugging Face repository (`owner/name`)"
    )


def _none_given(path: Path, reason: str, **arguments: object) -> None:
    for name, value in arguments.items():
        if value is not None:
            raise DDPMError(f"{path}: {reason}; leave out `{name}={value!r}`")


def _device(wanted: str) -> str:
    """A device of torch by name.

    Raises:
        DDPMError: there is none of that name, or no such GPU here.
    """
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    try:
        torch.empty(0, device=wanted)
    except (RuntimeError, AssertionError, TypeError) as error:
        told = str(error).partition("\n")[0]
        raise DDPMError(f'device: {wanted!r} cannot be used here ({told}); use "auto" or "cpu"') from error
    return wanted
