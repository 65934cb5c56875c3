"""Files of published weights: .safetensors, torch checkpoints, and .npz archives of TensorFlow variables."""

from __future__ import annotations

import pickle
import re
import zipfile
import zlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ddpm.errors import DivergedError, WeightsError
from ddpm.network.published.names import TENSORFLOW_VARIABLE
from ddpm.network.published.sets import WeightSet, bare, sets_of_checkpoint, sets_of_tensors
from ddpm.network.weights import TRAINED, listed, read_weights
from ddpm.records.status import is_evaluated

# What torch.load raises at damaged files.
_DAMAGE = (RuntimeError, EOFError, OSError, ValueError, KeyError, TypeError, AttributeError, IndexError)
# Weights are hardly packed: an archive that is, beyond both, was made to fill the memory.
LARGEST_UNPACKED, MOST_PACKED = 10**9, 20

EMA_SUFFIX = "/ExponentialMovingAverage"
TORCH_SUFFIXES = (".bin", ".pt", ".pth", ".ckpt")
# What the authors' training keeps besides (their code: utils.make_optimizer, tpu_utils.run_training).
_TRAINING_STATE = re.compile(
    r"(?:^|/)global_step$"
    r"|(?:^|/)beta[12]_power$"  # Adam's running powers
    r"|/(?:Adam|RMSProp)(?:_1)?$"  # the optimiser's moments of each variable
    r"|^_CHECKPOINTABLE_OBJECT_GRAPH$"
)


def read_sets(parts: Sequence[Path]) -> list[WeightSet]:
    """The sets of weights in a file, under its own names and on the CPU.

    Args:
        parts: the file, or its shards; the suffix says how it is read.

    Raises:
        WeightsError: a file is damaged, of an unknown kind, or two shards hold the same name.
        DivergedError: weights of this project from a run that diverged.
    """
    if len(parts) == 1:
        return _sets(parts[0])
    joined: dict[str, Tensor] = {}
    for part in parts:
        [shard, *others] = _sets(part)
        tensors = bare(part, shard, [shard])
        if others or shard.averaged is not None or joined.keys() & tensors.keys():
            raise WeightsError(f"{part}: not a shard of one set of weights; name its file itself")
        joined |= tensors
    return sets_of_tensors(joined)


def _sets(path: Path) -> list[WeightSet]:
    suffix = path.suffix.lower()
    if suffix == ".safetensors":
        return _of_safetensors(path)
    if suffix == ".npz":
        return _of_names(path, _read_npz(path))
    if suffix in TORCH_SUFFIXES:
        return sets_of_checkpoint(path, _read_checkpoint(path))
    raise WeightsError(
        f"{path}: files of weights end in .safetensors, .npz, {', '.join(TORCH_SUFFIXES)}; a TensorFlow "
        "checkpoint is first written as .npz (README: published weights)"
    )


def _of_names(path: Path, tensors: Mapping[str, Tensor]) -> list[WeightSet]:
    of_tensorflow = any(TENSORFLOW_VARIABLE.match(name) for name in tensors)
    return _of_variables(path, tensors) if of_tensorflow else sets_of_tensors(tensors)


def _of_safetensors(path: Path) -> list[WeightSet]:
    """This project's files hold averages, unless they were imported as others; the rest do not say."""
    tensors, provenance = read_weights(path)
    status = str(provenance.get("status", TRAINED))
    if not is_evaluated(status):
        raise DivergedError(f"{path}: holds no weights: training {status}; use another seed's file")
    if not provenance:
        return _of_names(path, tensors)
    return [WeightSet("", provenance.get("averaged", True), tensors)]


def _read_npz(path: Path) -> dict[str, Tensor]:
    """Arrays of an .npz archive without training state, which would take twice the weights' memory."""
    try:
        _check_packed_size(path)
        with np.load(path, allow_pickle=False) as archive:
            names = [name for name in archive.files if not _TRAINING_STATE.search(name)]
            return {name: torch.from_numpy(archive[name]) for name in names}
    except (*_DAMAGE, MemoryError, zipfile.BadZipFile, zlib.error) as error:
        raise WeightsError(
            f"{path}: truncated or not an .npz archive of numbers ({error}); make it again"
        ) from error


def _check_packed_size(path: Path) -> None:
    """Raises ValueError for an archive that unpacks to far more than weights do."""
    with zipfile.ZipFile(path) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    if size > LARGEST_UNPACKED and size > MOST_PACKED * path.stat().st_size:
        raise ValueError(f"it unpacks to {size / 1e9:,.1f} GB, {size // path.stat().st_size} times its size")


def _of_variables(path: Path, variables: Mapping[str, Tensor]) -> list[WeightSet]:
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
        return [WeightSet("variables", None, raw)]
    if not raw:
        return [WeightSet(EMA_SUFFIX, True, averaged)]
    if alone := sorted(raw.keys() - averaged.keys()):
        raise WeightsError(
            f"{path}: {len(alone)} variables have no average (name{EMA_SUFFIX}) while others have one; "
            f"write all variables of the checkpoint, or only the averaged ones:{listed(alone)}"
        )
    return [WeightSet(EMA_SUFFIX, True, averaged), WeightSet("variables", False, raw)]


def _read_checkpoint(path: Path) -> Any:
    """What torch.save wrote; nothing but tensors and plain values is unpickled."""
    try:
        return torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path}: not a checkpoint of tensors alone ({str(error).partition('.')[0]}); files that "
            "run code when read are not opened: save its state_dict as .safetensors where you trust it"
        ) from error
    except _DAMAGE as error:
        raise WeightsError(
            f"{path}: truncated or not a torch checkpoint ({error}); fetch it again"
        ) from error
