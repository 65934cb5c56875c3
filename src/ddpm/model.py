"""A model of a study: its network and its diffusion process, built from the settings."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING, Any

import torch

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.errors import WeightsError
from ddpm.network.execution import BatchSplittingNetwork, Execution, round_weights
from ddpm.network.unet import UNet
from ddpm.network.weights import load_weights

if TYPE_CHECKING:
    from ddpm.study import Study
    from ddpm.study.models import DiffusionSettings, NetworkSettings


@dataclasses.dataclass(frozen=True)
class TrainedModel:
    """A network with its averaged weights in evaluation mode, its diffusion, and their provenance."""

    network: BatchSplittingNetwork
    diffusion: GaussianDiffusion
    provenance: dict[str, Any]


def build_network(study: Study, model: str, seed: int) -> UNet:
    """The model's U-Net with initial weights drawn from the seed, on the CPU."""
    settings = study.model(model)
    shape = study.datasets[settings.dataset].image_shape
    return network_of(shape, settings.network, settings.diffusion, seed)


def network_of(
    image_shape: tuple[int, int, int], network: NetworkSettings, diffusion: DiffusionSettings, seed: int
) -> UNet:
    """A U-Net for images (C, H, W), with initial weights drawn from the seed, on the CPU."""
    return UNet(
        image_shape,
        channels=network.channels,
        channel_multipliers=network.channel_multipliers,
        residual_blocks=network.residual_blocks,
        attention_resolutions=network.attention_resolutions,
        dropout=network.dropout,
        groups=network.groups,
        output_multiple=2 if diffusion.variance == "learned" else 1,
        seed=seed,
    )


def build_diffusion(study: Study, model: str) -> GaussianDiffusion:
    """The model's diffusion process, on the CPU."""
    return diffusion_of(study.model(model).diffusion)


def diffusion_of(settings: DiffusionSettings) -> GaussianDiffusion:
    """A diffusion process, on the CPU."""
    betas = beta_schedule(settings.schedule, settings.beta_start, settings.beta_end, settings.timesteps)
    return GaussianDiffusion(betas, settings.prediction, settings.variance)


def load_model(
    study: Study, model: str, path: str, fingerprint: str, device: str, execution: Execution
) -> TrainedModel:
    """The model with the weights of a file.

    Args:
        study: the study.
        model: a key of `models`.
        path: the weights file.
        fingerprint: of the training settings that the file must have been made with.
        device: "cpu" or "cuda".
        execution: how the network is computed.

    Raises:
        DivergedError: training diverged, so there are no weights.
        WeightsError: the file is missing, damaged, of another network or of other settings.
    """
    network = build_network(study, model, seed=0)
    provenance = load_weights(path, network)
    if provenance.get("settings") != fingerprint:
        raise WeightsError(
            f"{path}: made with other settings than {study.file} has now for {model}; make it again "
            f"(`ddpm train {study.file} --model {model}`, or `snakemake` with the table that needs it), "
            "or restore the settings"
        )
    network.to(torch.device(device)).eval().requires_grad_(False)
    execution.apply(network)
    round_weights(network)
    return TrainedModel(BatchSplittingNetwork(network), build_diffusion(study, model).to(device), provenance)
