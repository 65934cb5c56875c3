"""How published weights are named and shaped, and their way to the names and shapes of this network."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.unet import UNet


@dataclasses.dataclass(frozen=True)
class Convention:
    """A way of naming and shaping the network's weights.

    Attributes:
        name: as it stands in provenance (`layout`).
        sign: what names begin with that no other convention has.
        names: from a key of network.state_dict() and the number of resolutions to the names that it may have
            in the file, the preferred one first.
        reshape: a tensor of the file for a parameter of so many dimensions.
    """

    name: str
    sign: re.Pattern[str]
    names: Callable[[str, int], tuple[str, ...]]
    reshape: Callable[[Tensor, int], Tensor] = lambda tensor, dimensions: tensor

    def convert(self, tensors: Mapping[str, Tensor], network: UNet) -> dict[str, Tensor]:
        """Tensors by the file's names to the keys of network.state_dict().

        A missing key is left out, and a left-over tensor kept under a name that is no key, so that
        `ddpm.network.weights.check_weights` lists both.
        """
        remaining, state, parameters = dict(tensors), {}, network.state_dict()
        for key, parameter in parameters.items():
            names = self.names(key, len(network.down))
            if (found := next((name for name in names if name in remaining), None)) is not None:
                state[key] = self.reshape(remaining.pop(found), parameter.dim())
        # A left-over tensor must not pass for a key that happens to have its name.
        left = {f"{n} (named so in the file)" if n in parameters else n: t for n, t in remaining.items()}
        return state | left


def recognise(path: Path, names: Iterable[str]) -> Convention:
    """The convention that a file's names follow.

    Raises:
        WeightsError: none that is understood; the message shows the first names.
    """
    names = list(names)
    for convention in CONVENTIONS:
        if any(convention.sign.match(name) for name in names):
            return convention
    first = ", ".join(names[:5]) + (f", ... ({len(names)} in all)" if len(names) > 5 else "")
    raise WeightsError(
        f"{path}: unknown names of weights: {first or 'none'}. Understood are diffusers' UNet2DModel "
        "(down_blocks.0.resnets...), the authors' TensorFlow variables (model/down_0/block_0/...), pesser's "
        "and DDIM's checkpoints (temb.dense.0...) and this project's own (temb.dense0...)"
    )


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


def _diffusers_names(key: str, levels: int) -> tuple[str, str]:
    name = diffusers_name(key, levels)
    return name, legacy_name(name)


def pesser_name(key: str) -> str:
    """The parameter of P. Esser's port (pytorch_diffusion), and of DDIM's code, for a key of the state_dict.

    temb.dense0.bias -> temb.dense.0.bias; all other names are the same: `up` starts at the full resolution in
    both.
    """
    return re.sub(r"^temb\.dense(\d)\.", r"temb.dense.\1.", key)


def _dense_of_1x1(tensor: Tensor, dimensions: int) -> Tensor:
    """[out, in, 1, 1] to [out, in] where the network has a dense layer: the port's attention."""
    return tensor[:, :, 0, 0] if dimensions == 2 and tensor.shape[2:] == (1, 1) else tensor


def tensorflow_name(key: str) -> str:
    """The authors' variable for a key of the U-Net's state_dict.

    For example down.0.block.1.norm1.weight -> model/down_0/block_1/norm1/gamma.
    """
    scope, _, leaf = key.rpartition(".")
    scope = re.sub(r"\.(\d+)", r"_\1", scope)
    is_norm = re.search(r"norm\w*$", scope) is not None
    names = {"weight": "gamma" if is_norm else "W", "bias": "beta" if is_norm else "b"}
    return f"model/{scope.replace('.', '/')}/{names[leaf]}"


def _of_tensorflow(tensor: Tensor, dimensions: int) -> Tensor:
    """HWIO to OIHW; dense and 1x1 ("nin") layers from (in, out) to (out, in), (out, in, 1, 1)."""
    if tensor.dim() == 4:
        return tensor.permute(3, 2, 0, 1)
    if tensor.dim() == 2:
        return tensor.T[:, :, None, None] if dimensions == 4 else tensor.T
    return tensor


# A variable of the authors' network, after whatever scope the graph was built in.
TENSORFLOW_VARIABLE = re.compile(
    r"^(?P<scope>(?:.*/)?)model/(?:temb|conv_in|conv_out|norm_out|mid|down_\d+|up_\d+)/"
)
DIFFUSERS = Convention(
    "diffusers", re.compile(r"(?:time_embedding|down_blocks|mid_block|up_blocks)\."), _diffusers_names
)
TENSORFLOW = Convention(
    "TensorFlow", TENSORFLOW_VARIABLE, lambda key, levels: (tensorflow_name(key),), _of_tensorflow
)
PESSER = Convention(
    "pesser", re.compile(r"temb\.dense\.\d\."), lambda key, levels: (pesser_name(key),), _dense_of_1x1
)
OWN = Convention("this project", re.compile(r"temb\.dense\d\."), lambda key, levels: (key,))
CONVENTIONS = (DIFFUSERS, TENSORFLOW, PESSER, OWN)
