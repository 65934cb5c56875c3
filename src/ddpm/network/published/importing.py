"""Published weights as weights of this network: every step from the path to a checked state_dict."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor

from ddpm.errors import WeightsError
from ddpm.network.published.config import CONFIG, check_config
from ddpm.network.published.formats import read_published
from ddpm.network.published.names import DIFFUSERS, recognise
from ddpm.network.unet import UNet
from ddpm.network.weights import check_weights, listed
from ddpm.records.files import sha256

# As diffusers' save_pretrained writes them; a pipeline keeps its network in `unet`.
_FILES = ("diffusion_pytorch_model.safetensors", "diffusion_pytorch_model.bin")
_FOLDERS = ("", "unet")


@dataclasses.dataclass(frozen=True)
class PublishedWeights:
    """Weights under the network's own names.

    Attributes:
        tensors: a state_dict of the network, float32 on the CPU, all finite.
        file: that they were read from.
        sha256: of the file.
        convention: of its names: "diffusers", "TensorFlow", "pesser" or "this project".
        averaged: whether they are averaged (EMA) weights; None: neither the file nor the study says.
        config: the config.json that was checked, if one lies beside the weights.
    """

    tensors: dict[str, Tensor]
    file: Path
    sha256: str
    convention: str
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
        path: a file, or a folder as diffusers writes it.
        network: that the weights are for.
        sha256: that the file must have, in hexadecimal; None: any.
        averaged: what the study says of them; chooses where the file holds raw and averaged ones.

    Raises:
        WeightsError: no such file, another hash, a damaged file, unknown names, a config.json of another
            network, missing or left-over tensors, other shapes, or values that are not finite numbers.
    """
    file = _find(Path(path))
    digest = _check_sha256(file, sha256)
    tensors, averaged = read_published(file, averaged)
    convention = recognise(file, tensors)
    config = file.with_name(CONFIG) if convention is DIFFUSERS and file.with_name(CONFIG).exists() else None
    if config is not None:
        check_config(config, network)
    state = convention.convert(tensors, network)
    check_weights(file, state, network)
    _check_values(file, state)
    # A copy each: tensors of a checkpoint may share memory, which safetensors does not write.
    state = {name: state[name].to(torch.float32, copy=True).contiguous() for name in network.state_dict()}
    return PublishedWeights(state, file, digest, convention.name, averaged, config)


def _find(path: Path) -> Path:
    """The file of weights: `path` itself, or within it if it is a folder."""
    if path.is_dir():
        places = [path / folder / file for folder in _FOLDERS for file in _FILES]
        for place in places:
            if place.is_file():
                return place
        looked = ", ".join(str(place.relative_to(path)) for place in places)
        raise WeightsError(f"{path}: a folder without {looked}; name the file itself in `pretrained: file`")
    if not path.is_file():
        raise WeightsError(
            f"{path}: no such file of weights; correct `pretrained` in the study file, or fetch it first "
            f"(snakemake {path})"
        )
    return path


def _check_sha256(path: Path, wanted: str | None) -> str:
    found = sha256(path)
    if wanted is not None and found != wanted:
        raise WeightsError(
            f"{path}: its SHA-256 is {found}, the study file says {wanted}; fetch it again, or correct "
            "`pretrained: sha256` if these are the weights you mean"
        )
    return found


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
