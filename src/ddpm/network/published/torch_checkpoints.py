"""Checkpoints that torch.save wrote: a dictionary of tensors, bare or wrapped."""

from __future__ import annotations

import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.averaging import Candidates

# Customary names in a dictionary that wraps the weights.
_AVERAGED, _UNKNOWN = ("ema",), ("state_dict", "model")
# Of torch.nn.DataParallel and torch.compile.
_WRAPPERS = ("module.", "_orig_mod.")


def read_checkpoint(path: Path) -> Candidates:
    """The weights in a checkpoint; nothing but tensors and plain values is unpickled.

    Raises:
        WeightsError: the file is damaged, holds other objects, or no weights in a known place.
    """
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
        raw: dict[bool | None, Any] = {False: content[0]}
        return raw | ({True: content[4]} if len(content) == 5 else {})
    if not isinstance(content, Mapping):
        raise WeightsError(
            f"{path}: holds a {type(content).__name__}, not weights by name; save a state_dict"
        )
    averaged = next((content[key] for key in _AVERAGED if isinstance(content.get(key), Mapping)), None)
    other = next((content[key] for key in _UNKNOWN if isinstance(content.get(key), Mapping)), None)
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
