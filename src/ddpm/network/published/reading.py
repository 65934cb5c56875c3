"""Files of published weights: .safetensors, torch checkpoints, and .npz archives of TensorFlow variables."""

from __future__ import annotations

import dataclasses
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.errors import DivergedError, WeightsError
from ddpm.network.published.averaging import Candidates, choose
from ddpm.network.published.tensorflow_variables import NETWORK_VARIABLE, is_training_state, separate
from ddpm.network.published.torch_checkpoints import read_checkpoint
from ddpm.network.weights import TRAINED, read_weights
from ddpm.records.status import is_evaluated

CHECKPOINTS = (".bin", ".pt", ".pth", ".ckpt")


@dataclasses.dataclass(frozen=True)
class Contents:
    """Tensors by the file's own names, and whether they are averaged; None: not known."""

    tensors: Mapping[str, Tensor]
    averaged: bool | None


def read_contents(path: Path, stated: bool | None) -> Contents:
    """One set of weights of a file, under its own names and on the CPU.

    Args:
        path: its suffix says how it is read.
        stated: `averaged` of the study file: chooses where the file holds raw and averaged weights.

    Raises:
        WeightsError: the file is damaged, of an unknown kind, or without the weights that the study states.
        DivergedError: weights of this project from a run that diverged.
    """
    candidates = _candidates(path)
    if set(candidates) == {None} and any(NETWORK_VARIABLE.match(name) for name in candidates[None]):
        candidates = separate(path, candidates[None])
    return Contents(*choose(path, candidates, stated))


def _candidates(path: Path) -> Candidates:
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        tensors, provenance = read_weights(path)
        return {_averaged(path, provenance): tensors}
    if suffix == ".npz":
        return {None: _read_npz(path)}
    if suffix in CHECKPOINTS:
        return read_checkpoint(path)
    raise WeightsError(
        f"{path}: files of weights end in .safetensors, .npz, {', '.join(CHECKPOINTS)}; a TensorFlow "
        "checkpoint is first written as .npz (README: published weights)"
    )


def _averaged(path: Path, provenance: Mapping[str, Any]) -> bool | None:
    """Whether a .safetensors file holds averages: this project's do, unless they were imported as others."""
    status = str(provenance.get("status", TRAINED))
    if not is_evaluated(status):
        raise DivergedError(f"{path}: holds no weights: training {status}; use another seed's file")
    return provenance.get("averaged", True) if provenance else None


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Arrays of an .npz archive without training state, which would take twice the weights' memory."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            return {n: torch.from_numpy(archive[n]) for n in archive.files if not is_training_state(n)}
    except (ValueError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path}: truncated or not an .npz archive of numbers ({error}); make it again"
        ) from error
