"""Published weights as weights of this network: every step from the path to a checked state_dict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.diffusers_config import CONFIG, check_config
from ddpm.network.published.layouts import DIFFUSERS, recognise
from ddpm.network.published.locating import check_sha256, find_weights
from ddpm.network.published.reading import read_contents
from ddpm.network.unet import UNet
from ddpm.network.weights import check_weights, listed


@dataclasses.dataclass(frozen=True)
class PublishedWeights:
    """Weights under the network's own names.

    Attributes:
        tensors: a state_dict of the network, float32 on the CPU, all finite.
        file: that they were read from.
        sha256: of the file.
        layout: that it has: "diffusers", "TensorFlow", "pesser" or "this project".
        averaged: whether they are averaged (EMA) weights; None: neither the file nor the study says.
        config: the config.json that was checked, if one lies beside the weights.
    """

    tensors: dict[str, Tensor]
    file: Path
    sha256: str
    layout: str
    averaged: bool | None
    config: Path | None

    @property
    def parameters(self) -> int:
        """Their number."""
        return sum(tensor.numel() for tensor in self.tensors.values())


def import_weights(
    path: str | Path, network: UNet, sha256: str | None = None, averaged: bool | None = None
) -> PublishedWeights:
    """Reads published weights for `network`, which stays as it is.

    Args:
        path: a file, or a folder of diffusers' layout.
        network: that the weights are for.
        sha256: that the file must have, in hexadecimal; None: any.
        averaged: what the study says of them; chooses where the file holds raw and averaged ones.

    Raises:
        WeightsError: no such file, another hash, a damaged file, an unknown layout, a config.json of another
            network, missing or left-over tensors, other shapes, or values that are not finite numbers.
    """
    file = find_weights(Path(path))
    digest = check_sha256(file, sha256)
    contents = read_contents(file, averaged)
    layout = recognise(file, contents.tensors)
    config = file.with_name(CONFIG) if layout is DIFFUSERS and file.with_name(CONFIG).exists() else None
    if config is not None:
        check_config(config, network)
    state = layout.convert(contents.tensors, network)
    check_weights(file, state, network)
    _check_values(file, state)
    # A copy each: tensors of a checkpoint may share memory, which safetensors does not write.
    tensors = {name: state[name].to(torch.float32, copy=True).contiguous() for name in network.state_dict()}
    return PublishedWeights(tensors, file, digest, layout.name, contents.averaged, config)


def _check_values(path: Path, state: Mapping[str, Tensor]) -> None:
    bad = [f"{n} is {t.dtype}" for n, t in state.items() if not t.is_floating_point()]
    bad += [
        f"{n}: {int((~t.float().isfinite()).sum())} of {t.numel()} values are not finite"
        for n, t in state.items()
        if t.is_floating_point() and not t.float().isfinite().all()
    ]
    if bad:
        raise WeightsError(
            f"{path}: {len(bad)} tensors are not of finite real numbers; the file is damaged or its run "
            f"diverged: use another:{listed(bad)}"
        )
