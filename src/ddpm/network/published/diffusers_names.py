"""Weights under the names of diffusers' UNet2DModel."""

from __future__ import annotations

import re
from collections.abc import Mapping

from torch import Tensor

from ddpm.network.published.renaming import rename
from ddpm.network.unet import UNet

# Scopes of this network and diffusers' scopes for them.
_SCOPES = (
    (r"^temb\.dense0\.", "time_embedding.linear_1."),
    (r"^temb\.dense1\.", "time_embedding.linear_2."),
    (r"^norm_out\.", "conv_norm_out."),
    (r"^mid\.block_1\.", "mid_block.resnets.0."),
    (r"^mid\.attn_1\.", "mid_block.attentions.0."),
    (r"^mid\.block_2\.", "mid_block.resnets.1."),
    (r"^(down|up)\.(\d+)\.block\.", r"\1_blocks.\2.resnets."),
    (r"^(down|up)\.(\d+)\.attn\.", r"\1_blocks.\2.attentions."),
    (r"^(down|up)\.(\d+)\.(down|up)sample\.", r"\1_blocks.\2.\3samplers.0."),
)
_RESIDUAL_LAYERS = {"temb_proj": "time_emb_proj", "nin_shortcut": "conv_shortcut"}
_ATTENTION_LAYERS = {"norm": "group_norm", "q": "to_q", "k": "to_k", "v": "to_v", "proj_out": "to_out.0"}
# Attention layers as they were called in 2022; published files may still have these names.
_LEGACY_LAYERS = {"to_q": "query", "to_k": "key", "to_v": "value", "to_out.0": "proj_attn"}


def diffusers_name(key: str, levels: int) -> str:
    """The UNet2DModel's parameter for a key of the U-Net's state_dict.

    For example up.0.block.1.temb_proj.bias of four levels -> up_blocks.3.resnets.1.time_emb_proj.bias:
    up_blocks start at the lowest resolution, `up` at the full one.

    Args:
        key: of network.state_dict().
        levels: number of resolutions.
    """
    name = re.sub(r"^up\.(\d+)", lambda match: f"up.{levels - 1 - int(match[1])}", key)
    for ours, theirs in _SCOPES:
        name = re.sub(ours, theirs, name)
    scope, layer, leaf = ("." + name).rsplit(".", 2)
    layers = _ATTENTION_LAYERS if ".attentions." in scope else _RESIDUAL_LAYERS
    return f"{scope}.{layers.get(layer, layer)}.{leaf}".removeprefix(".")


def legacy_name(name: str) -> str:
    """A UNet2DModel's parameter as diffusers called it in 2022: query, key, value, proj_attn."""
    return re.sub(
        r"(\.attentions\.\d+)\.(to_q|to_k|to_v|to_out\.0)\.",
        lambda match: f"{match[1]}.{_LEGACY_LAYERS[match[2]]}.",
        name,
    )


def from_diffusers(tensors: Mapping[str, Tensor], network: UNet) -> dict[str, Tensor]:
    """A state_dict for `network` from a UNet2DModel's, with new or legacy names tensor by tensor.

    Returns:
        as `ddpm.network.published.renaming.rename`. Attention is made of dense layers in both.
    """
    levels = len(network.down)

    def names(key: str) -> tuple[str, str]:
        name = diffusers_name(key, levels)
        return name, legacy_name(name)

    return rename(tensors, network.state_dict(), names)
