"""Weights under the authors' TensorFlow variable names and layouts."""

from __future__ import annotations

import re
from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

EMA_SUFFIX = "/ExponentialMovingAverage"


def tensorflow_name(key: str) -> str:
    """The authors' variable for a key of the U-Net's state_dict.

    For example down.0.block.1.norm1.weight -> model/down_0/block_1/norm1/gamma.
    """
    scope, _, leaf = key.rpartition(".")
    scope = re.sub(r"\.(\d+)", r"_\1", scope)
    is_norm = re.search(r"norm\w*$", scope) is not None
    names = {"weight": "gamma" if is_norm else "W", "bias": "beta" if is_norm else "b"}
    return f"model/{scope.replace('.', '/')}/{names[leaf]}"


def from_tensorflow(variables: Mapping[str, np.ndarray], network: nn.Module) -> dict[str, Tensor]:
    """A state_dict for `network` from the authors' variables.

    Convolutions turn from HWIO to OIHW, dense and 1x1 ("nin") layers from (in, out) to (out, in).
    With names that end in /ExponentialMovingAverage present, those (the averaged weights) are taken.

    Returns:
        keys of network.state_dict() to float32 tensors; variables without a counterpart keep their
        own names, missing ones are left out: `ddpm.network.weights.check_weights` lists both.
    """
    averaged = {
        name.removesuffix(EMA_SUFFIX): v for name, v in variables.items() if name.endswith(EMA_SUFFIX)
    }
    remaining = averaged or dict(variables)
    state = {}
    for key, parameter in network.state_dict().items():
        array = remaining.pop(tensorflow_name(key), None)
        if array is not None:
            state[key] = _to_torch_layout(np.asarray(array, dtype=np.float32), parameter.dim())
    return state | {name: torch.from_numpy(np.array(v)) for name, v in remaining.items()}


def _to_torch_layout(array: np.ndarray, dimensions: int) -> Tensor:
    tensor = torch.from_numpy(np.array(array))
    if tensor.dim() == 4:
        tensor = tensor.permute(3, 2, 0, 1)
    elif tensor.dim() == 2:
        tensor = tensor.T
        if dimensions == 4:
            tensor = tensor[:, :, None, None]
    return tensor.contiguous()
