"""Initial weights: uniform variance scaling over the mean of fan-in and fan-out, biases 0."""

from __future__ import annotations

import torch
from torch import nn

from ddpm.network.layers import AttentionBlock, ResidualBlock
from ddpm.random_numbers import Stream, derived_seed

# The authors' scale 1e-10 of layers that should start near zero, as a gain (its square root).
NEAR_ZERO_GAIN = 1e-5


def allocate(network: nn.Module) -> None:
    """Gives the parameters of a network that was built on the meta device memory on the CPU, not yet filled.

    As nn.Module.to_empty does, which takes half a second to import what this does not need.
    """
    for module in network.modules():
        for name, parameter in list(module.named_parameters(recurse=False)):
            memory = torch.empty(parameter.shape, dtype=parameter.dtype, device="cpu")
            module.register_parameter(name, nn.Parameter(memory))


def initialise(network: nn.Module, seed: int) -> None:
    """Draws all weights of a U-Net in place, from its own generator.

    Convolutions and dense layers: U(-L, L), L = gain sqrt(6 / (fan_in + fan_out)). The gain is 1e-5
    for the last layer of each residual and attention block and of the network, otherwise 1.
    GroupNorm: gamma 1, beta 0. (Authors' code: default_init in nn.py.)
    """
    generator = torch.Generator().manual_seed(derived_seed(seed, Stream.INITIAL_WEIGHTS))
    near_zero = _near_zero_layers(network)
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            gain = NEAR_ZERO_GAIN if module in near_zero else 1.0
            nn.init.xavier_uniform_(module.weight, gain=gain, generator=generator)
            if module.bias is not None:
                nn.init.zeros_(module.bias)
        elif isinstance(module, nn.GroupNorm):
            nn.init.ones_(module.weight)
            nn.init.zeros_(module.bias)


def _near_zero_layers(network: nn.Module) -> set[nn.Module]:
    layers: set[nn.Module] = {network.conv_out} if hasattr(network, "conv_out") else set()  # type: ignore[arg-type]
    for module in network.modules():
        if isinstance(module, ResidualBlock):
            layers.add(module.conv2)
        elif isinstance(module, AttentionBlock):
            layers.add(module.proj_out)
    return layers
