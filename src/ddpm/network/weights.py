"""Weights in safetensors files: written atomically, checked key by key and by hash when read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save
from torch import Tensor, nn

from ddpm.errors import DivergedError, WeightsError
from ddpm.records.files import write_bytes
from ddpm.records.reading import require_readable
from ddpm.records.status import is_evaluated

TRAINED = "trained"


def weights_hash(tensors: Mapping[str, Tensor]) -> str:
    """SHA-256 over names, shapes and bytes of all tensors, in order of their names."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().cpu().contiguous()
        digest.update(f"{name}:{tensor.dtype}:{tuple(tensor.shape)};".encode())
        digest.update(tensor.reshape(-1).view(torch.uint8).numpy().tobytes())
    return digest.hexdigest()


def save_weights(path: str | Path, tensors: Mapping[str, Tensor], provenance: Mapping[str, Any]) -> str:
    """Writes tensors with their provenance (JSON values), atomically.

    Args:
        path: a .safetensors file.
        tensors: the averaged weights; empty if training diverged.
        provenance: must hold `status`, as in `ddpm.records.status`.

    Returns:
        the weights' hash, which is also kept in the file.
    """
    whole = {name: tensor.detach().cpu().contiguous() for name, tensor in tensors.items()}
    digest = weights_hash(whole)
    metadata = {"provenance": json.dumps(dict(provenance) | {"weights_hash": digest})}
    write_bytes(path, save(whole, metadata=metadata))
    return digest


def read_weights(path: str | Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Tensors and provenance of a file, its hash checked.

    Raises:
        WeightsError: the file is missing, may not be read, is truncated, altered, or not from this program.
    """
    require_readable(path, WeightsError, "no such weights file; train the model first (`ddpm train`)")
    try:
        with safe_open(path, framework="pt") as file:
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
            provenance = json.loads((file.metadata() or {}).get("provenance", "{}"))
    except (SafetensorError, OSError, RuntimeError, ValueError, AttributeError) as error:
        raise WeightsError(
            f"{path}: truncated or not a safetensors file ({error}); delete it and train or fetch it again"
        ) from error
    if provenance.get("weights_hash", digest := weights_hash(tensors)) != digest:
        raise WeightsError(
            f"{path}: its tensors differ from the hash written with them; delete it, make it again"
        )
    return tensors, provenance


def check_weights(path: str | Path, tensors: Mapping[str, Tensor], network: nn.Module) -> None:
    """Raises WeightsError that lists missing keys, left-over keys and other shapes, if there are any."""
    wanted = {name: tuple(value.shape) for name, value in network.state_dict().items()}
    problems = [f"missing {name} {shape}" for name, shape in wanted.items() if name not in tensors]
    problems += [f"left over {name}" for name in tensors if name not in wanted]
    for name, shape in wanted.items():
        if name in tensors and tuple(tensors[name].shape) != shape:
            problems.append(f"{name} has shape {tuple(tensors[name].shape)}, the network {shape}")
    if problems:
        raise WeightsError(
            f"{path}: weights of another network ({len(problems)} differences); check the model's `network` "
            f"settings or use another file:{listed(problems)}"
        )


def listed(problems: Sequence[str]) -> str:
    """The first 20 problems, a line each, and how many more there are."""
    shown = "".join(f"\n  {problem}" for problem in problems[:20])
    return shown + (f"\n  and {len(problems) - 20} more" if len(problems) > 20 else "")


def load_weights(path: str | Path, network: nn.Module) -> dict[str, Any]:
    """Loads a file's weights into the network; returns the file's provenance.

    Raises:
        DivergedError: the file records a diverged training run and holds no weights.
        WeightsError: as `read_weights` and `check_weights`.
    """
    tensors, provenance = read_weights(path)
    if not is_evaluated(str(provenance.get("status", TRAINED))):
        raise DivergedError(f"{path}: holds no weights: training {provenance['status']}")
    check_weights(path, tensors, network)
    network.load_state_dict(tensors)
    return provenance
