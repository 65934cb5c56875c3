"""Weights under the names of P. Esser's port of the authors' code (pytorch_diffusion), and of DDIM's code."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ddpm.network.published.renaming import rename
from ddpm.network.unet import UNet


def pesser_name(key: str) -> str:
    """The port's parameter for a key of the U-Net's state_dict: temb.dense0.bias -> temb.dense.0.bias.

    All other names are the same; `up` starts at the full resolution in both.
    """
    return re.sub(r"^temb\.dense(\d)\.", r"temb.dense.\1.", key)


def from_pesser(tensors: Mapping[str, Tensor], network: UNet) -> dict[str, Tensor]:
    """A state_dict for `network` from the port's, whose attention is made of 1x1 convolutions.

    Returns:
        as `ddpm.network.published.renaming.rename`; weights [out, in, 1, 1] of attention as [out, in].
    """
    state = rename(tensors, network.state_dict(), lambda key: (pesser_name(key),))
    for key, parameter in network.state_dict().items():
        tensor = state.get(key)
        if tensor is not None and parameter.dim() == 2 and tensor.dim() == 4 and tensor.shape[2:] == (1, 1):
            state[key] = tensor[:, :, 0, 0]
    return state
