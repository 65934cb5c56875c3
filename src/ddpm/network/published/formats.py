"""Files of published weights: .safetensors, torch checkpoints, and .npz archives of TensorFlow variables."""

from __future__ import annotations

import pickle
import re
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.errors import DivergedError, WeightsError
from ddpm.network.published.names import TENSORFLOW_VARIABLE
from ddpm.network.weights import TRAINED, listed, read_weights
from ddpm.records.status import is_evaluated

# Sets of weights by whether they are averaged (EMA): True, False, or None where the file does not say.
Candidates = Mapping[bool | None, Mapping[str, Tensor]]

EMA_SUFFIX = "/ExponentialMovingAverage"
TORCH_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
# Prefixes of torch.nn.DataParallel and torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")
# What the authors' training keeps besides (their code: utils.make_optimizer, tpu_utils.run_training).
_TRAINING_STATE = re.compile(
    r"(?:^|/)global_step$"
    r"|(?:^|/)beta[12]_power$"  # Adam's running powers
    r"|/(?:Adam|RMSProp)(?:_1)?$"  # the optimiser's moments of each variable
    r"|^_CHECKPOINTABLE_OBJECT_GRAPH$"
)


def read_published(path: Path, stated: bool | None) -> tuple[Mapping[str, Tensor], bool | None]:
    """One set of weights of a file, under its own names and on the CPU; averaged ones if there are any.

    Args:
        path: its suffix says how it is read.
        stated: `averaged` of the study file: chooses where the file holds raw and averaged weights.

    Returns:
        the weights, and whether they are averaged as far as the file or the study says.

    Raises:
        WeightsError: the file is damaged, of an unknown kind, or without the weights that the study states.
        DivergedError: weights of this project from a run that diverged.
    """
    candidates = _candidates(path)
    for averaged in (True, False, None) if stated is None else (stated, None):
        if averaged in candidates:
            return candidates[averaged], stated if averaged is None else averaged
    held = "averaged (EMA)" if True in candidates else "raw"
    raise WeightsError(
        f"{path}: holds {held} weights only, but the study file says `averaged: {str(stated).lower()}`; "
        "correct `pretrained: averaged` or use another file"
    )


def _candidates(path: Path) -> Candidates:
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        candidates = _of_safetensors(path)
    elif suffix == ".npz":
        candidates = {None: _read_npz(path)}
    elif suffix in TORCH_SUFFIXES:
        candidates = _of_checkpoint(path)
    else:
        raise WeightsError(
            f"{path}: files of weights end in .safetensors, .npz, {', '.join(TORCH_SUFFIXES)}; a TensorFlow "
            "checkpoint is first written as .npz (README: published weights)"
        )
    if set(candidates) == {None} and any(TENSORFLOW_VARIABLE.match(name) for name in candidates[None]):
        return _of_variables(path, candidates[None])
    return candidates


def _of_safetensors(path: Path) -> Candidates:
    """This project's files hold averages, unless they were imported as others; the rest do not say."""
    tensors, provenance = read_weights(path)
    status = str(provenance.get("status", TRAINED))
    if not is_evaluated(status):
        raise DivergedError(f"{path}: holds no weights: training {status}; use another seed's file")
    return {provenance.get("averaged", True) if provenance else None: tensors}


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Arrays of an .npz archive without training state, which would take twice the weights' memory."""
    try:
        with np.load(path, allow_pickle=False) as archive:
            names = [name for name in archive.files if not _TRAINING_STATE.search(name)]
            return {name: torch.from_numpy(archive[name]) for name in names}
    except (ValueError, TypeError, OSError, EOFError, AttributeError, zipfile.BadZipFile) as error:
        raise WeightsError(
            f"{path}: truncated or not an .npz archive of numbers ({error}); make it again"
        ) from error


def _of_variables(path: Path, variables: Mapping[str, Tensor]) -> Candidates:
    """The raw and the averaged weights among the authors' variables, without training state.

    A scope that all of the network's variables share before `model/` is removed, and the suffix
    /ExponentialMovingAverage of averaged ones.
    """
    kept = {n: v for n, v in variables.items() if not _TRAINING_STATE.search(n)}
    scopes = {match["scope"] for match in map(TENSORFLOW_VARIABLE.match, kept) if match is not None}
    scope = scopes.pop() if len(scopes) == 1 else ""
    kept = {name.removeprefix(scope): value for name, value in kept.items()}
    averaged = {n.removesuffix(EMA_SUFFIX): v for n, v in kept.items() if n.endswith(EMA_SUFFIX)}
    raw = {n: v for n, v in kept.items() if not n.endswith(EMA_SUFFIX)}
    if not averaged:
        return {None: raw}
    if not raw:
        return {True: averaged}
    if alone := sorted(raw.keys() - averaged.keys()):
        raise WeightsError(
            f"{path}: {len(alone)} variables have no average (name{EMA_SUFFIX}) while others have one; "
            f"write all variables of the checkpoint, or only the averaged ones:{listed(alone)}"
        )
    return {True: averaged, False: raw}


def _of_checkpoint(path: Path) -> Candidates:
    """The weights that torch.save wrote; nothing but tensors and plain values is unpickled."""
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: not a checkpoint of tensors alone ({str(error).partition('.')[0]}); files that "
            "run code when read are not opened: save its state_dict as .safetensors where you trust it"
        ) from error
    except (RuntimeError, EOFError, OSError, ValueError, KeyError) as error:
        raise WeightsError(
            f"{path}: truncated or not a torch checkpoint ({error}); fetch it again"
        ) from error
    return {averaged: _bare(path, tensors) for averaged, tensors in _unwrap(path, content).items()}


def _unwrap(path: Path, content: Any) -> dict[bool | None, Any]:
    """Sets of weights in a bare state_dict, in a dictionary around it, or in the list of DDIM's code."""
    if isinstance(content, list) and len(content) in (4, 5):
        # [model, optimiser, epoch, step] and, with averaging, the average (DDIM's runners/diffusion.py).
        return dict(zip((False, True), (content[0], *content[4:]), strict=False))
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: holds a {type(content).__name__}, not weights by name; save a state_dict"
        )
    sets = {
        key: content[key] for key in ("ema", "state_dict", "model") if isinstance(content.get(key), Mapping)
    }
    averaged = sets.pop("ema", None)
    other = next(iter(sets.values()), None)
    if averaged is None:
        return {None: content if other is None else other}
    return {True: averaged} if other is None else {True: averaged, False: other}


def _bare(path: Path, tensors: Any) -> dict[str, Tensor]:
    """The tensors without prefixes that all names share because the network was wrapped."""
    if not isinstance(tensors, Mapping):
        raise WeightsError(f"{path}: holds a {type(tensors).__name__} where weights by name were expected")
    others = [str(name) for name, value in tensors.items() if not isinstance(value, Tensor)]
    if others:
        raise WeightsError(
            f"{path}: {len(others)} of {len(tensors)} entries are no tensors ({', '.join(others[:5])}); "
            "save the network's state_dict alone, or under the key `state_dict` or `ema`"
        )
    bare = {str(name): value for name, value in tensors.items()}
    while bare and any(all(name.startswith(prefix) for name in bare) for prefix in _WRAPPERS):
        bare = {name.partition(".")[2]: value for name, value in bare.items()}
    return bare
