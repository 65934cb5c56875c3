"""This network's weights under the names of each convention, and studies that import them."""

import argparse
from pathlib import Path

import numpy as np
import torch
import yaml

from ddpm.commands import pretrained
from ddpm.network.published.names import diffusers_name, legacy_name, pesser_name, tensorflow_name
from ddpm.network.unet import UNet
from ddpm.study import load_study

TINY = {
    "image_shape": (1, 8, 8),
    "channels": 8,
    "channel_multipliers": (1, 2),
    "residual_blocks": 1,
    "attention_resolutions": (4,),
    "groups": 4,
}


def randomised(network: torch.nn.Module, seed: int = 0) -> torch.nn.Module:
    """Other weights than the initial ones, so that no layer is near zero and no two tensors are alike."""
    generator = torch.Generator().manual_seed(seed)
    for name, parameter in network.named_parameters():
        z = torch.randn(parameter.shape, generator=generator)
        if parameter.dim() > 1:
            z /= parameter[0].numel() ** 0.5
        else:
            z = 0.1 * z + (1 if "norm" in name and name.endswith("weight") else 0)
        parameter.data.copy_(z)
    return network.eval().requires_grad_(False)


def tiny(seed: int = 0, **changes) -> UNet:
    return randomised(UNet(**(TINY | changes)), seed)


def as_diffusers(network: UNet, legacy: bool = False) -> dict[str, torch.Tensor]:
    names = {key: diffusers_name(key, len(network.down)) for key in network.state_dict()}
    return {legacy_name(names[k]) if legacy else names[k]: v for k, v in network.state_dict().items()}


def as_pesser(network: UNet) -> dict[str, torch.Tensor]:
    """Attention as 1x1 convolutions."""
    state = {}
    for key, tensor in network.state_dict().items():
        dense = ".attn" in key and tensor.dim() == 2
        state[pesser_name(key)] = tensor[:, :, None, None] if dense else tensor
    return state


def as_tensorflow(network: UNet, suffix: str = "", scope: str = "") -> dict[str, np.ndarray]:
    """HWIO convolutions, (in, out) dense layers and 1x1 shortcuts."""
    variables = {}
    for key, tensor in network.state_dict().items():
        array = tensor.numpy()
        if array.ndim == 4:
            array = array[:, :, 0, 0].T if "nin_shortcut" in key else array.transpose(2, 3, 1, 0)
        elif array.ndim == 2:
            array = array.T
        variables[scope + tensorflow_name(key) + suffix] = array
    return variables


def write_study(folder: Path, source: dict, dataset: dict, network: dict) -> Path:
    """A study of one model with published weights; its name is `published`."""
    study = {
        "title": "Published weights",
        "datasets": {"images": dataset},
        "defaults": {"dataset": "images"},
        "models": {"m": {"network": network, "pretrained": source}},
        "quality": {"features": {"kind": "classifier", "dataset": "images"}},
        "artefacts": {},
    }
    path = folder / "published.yaml"
    path.write_text(yaml.safe_dump(study))
    return path


def import_tiny(folder: Path, source: dict, **network) -> Path:
    """Runs the verb for the tiny network in the current folder; returns the file that it writes."""
    keys = ("channels", "channel_multipliers", "residual_blocks", "attention_resolutions", "groups")
    settings = {key: list(v) if isinstance(v := TINY[key], tuple) else v for key in keys} | network
    return import_published(write_study(folder, source, {"source": "digits"}, settings))


def import_published(study: Path) -> Path:
    pretrained.run(load_study(study), argparse.Namespace(model="m", seed=0))
    return Path("results/published/models/m/seed0/imported.safetensors")
