"""The config.json beside a UNet2DModel's weights: settings that change outputs unseen in the weights."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddpm.errors import WeightsError
from ddpm.network.layers import GROUP_NORM_EPSILON
from ddpm.network.unet import UNet
from ddpm.records.reading import require_readable

# Settings in which UNet2DModel's defaults are the network of the paper, and which may be nothing else ...
_AS_BY_DEFAULT: Mapping[str, Any] = {
    "center_input_sample": False,
    "time_embedding_type": "positional",
    "mid_block_type": "UNetMidBlock2D",
    "mid_block_scale_factor": 1,
    "add_attention": True,
    "downsample_type": "conv",
    "upsample_type": "conv",
    "resnet_time_scale_shift": "default",
    "class_embed_type": None,
    "num_class_embeds": None,
}
# ... and what UNet2DModel takes for other keys that its config.json lacks.
DEFAULTS: Mapping[str, Any] = {
    **_AS_BY_DEFAULT,
    "sample_size": None,
    "in_channels": 3,
    "out_channels": 3,
    "layers_per_block": 2,
    "norm_num_groups": 32,
    "norm_eps": 1e-5,
    "downsample_padding": 1,
    "flip_sin_to_cos": True,
    "freq_shift": 0,
    "attention_head_dim": 8,
    "time_embedding_dim": None,
    "attn_norm_num_groups": None,
    "act_fn": "silu",
}
_ABSENT = "(absent)"


def accepted_values(network: UNet) -> dict[str, list[Any]]:
    """For each key of config.json that changes outputs: the values that mean `network`, plainest first."""
    state, levels = network.state_dict(), range(len(network.down))
    _, height, width = network.image_shape
    widths = [len(state[f"down.{level}.block.0.conv1.bias"]) for level in levels]
    attends = [f"down.{level}.attn.0.q.bias" in state for level in levels]
    attending = {widths[-1], *(w for w, attention in zip(widths, attends, strict=True) if attention)}
    prefixes = ["Attn" if attention else "" for attention in attends]
    groups = network.norm_out.num_groups
    return {
        "sample_size": [height if height == width else [height, width], None],
        "in_channels": [network.conv_in.in_channels],
        "out_channels": [network.conv_out.out_channels],
        "block_out_channels": [widths],
        "layers_per_block": [sum(key.startswith("down.0.block.") and "conv1.bias" in key for key in state)],
        "down_block_types": [[f"{prefix}DownBlock2D" for prefix in prefixes]],
        "up_block_types": [[f"{prefix}UpBlock2D" for prefix in reversed(prefixes)]],
        "norm_num_groups": [groups],
        "norm_eps": [GROUP_NORM_EPSILON],
        "downsample_padding": [0],
        "flip_sin_to_cos": [False],
        "freq_shift": [1],
        # Null is one head, and so is a head as wide as every level that attends.
        "attention_head_dim": [None, *(attending if len(attending) == 1 else ())],
        "time_embedding_dim": [None, 4 * network.conv_in.out_channels],
        "attn_norm_num_groups": [None, groups],
        "act_fn": ["silu", "swish"],
        **{key: [value] for key, value in _AS_BY_DEFAULT.items()},
    }


def check_config(path: Path, network: UNet) -> None:
    """Raises WeightsError that lists each setting by which a UNet2DModel's outputs differ from `network`'s.

    Args:
        path: a config.json.
        network: the network that the weights are for.
    """
    config = {**DEFAULTS, **read_config(path)}
    problems = []
    for key, accepted in accepted_values(network).items():
        value = _plain(config.get(key, _ABSENT))
        if value not in accepted:
            problems.append(f"{key} is {json.dumps(value)}, the network's {json.dumps(accepted[0])}")
    if problems:
        shown = "".join(f"\n  {problem}" for problem in problems)
        raise WeightsError(
            f"{path}: settings of another network ({len(problems)} differences); the weights would give "
            "other outputs here. Change the model's `network` settings where that mends it, or use other "
            f"weights:{shown}"
        )


def read_config(path: Path) -> dict[str, Any]:
    """A config file of diffusers.

    Raises:
        WeightsError: it may not be read, or holds no mapping.
    """
    require_readable(path, WeightsError, "no such file")
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise WeightsError(
            f"{path}: cannot be read as JSON ({error}); fetch it again or remove it"
        ) from error
    if not isinstance(config, dict):
        raise WeightsError(f"{path}: not settings of diffusers; fetch it again or remove it")
    return config


def _plain(value: Any) -> Any:
    """Names of blocks without the prefix that diffusers gave them in 2022 and still drops."""
    if isinstance(value, list):
        return [part.removeprefix("UNetRes") if isinstance(part, str) else part for part in value]
    return value
