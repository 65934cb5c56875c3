"""Every layer of a network that trains computes in the network's layout."""

import pytest
import torch
from torch import nn

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.unet import CHANNELS_LAST_FROM, UNet
from ddpm.study.models import TrainingSettings
from ddpm.training.loop import Training


@pytest.mark.parametrize("dropout", [0.0, 0.1])
@pytest.mark.parametrize("image_channels", [1, 3])
@pytest.mark.parametrize("channels", [8, CHANNELS_LAST_FROM])
def test_all_inputs_and_outputs(channels, image_channels, dropout):
    """With one image channel, and with 1x1 kernels, strides suit both layouts, and torch guesses."""
    shape = (image_channels, 8, 8)
    network = UNet(shape, channels, (1, 2), 1, (4,), dropout=dropout, groups=4)
    images = torch.randint(0, 256, (6, *shape), dtype=torch.uint8)
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 20), "epsilon", "fixed_large")
    run = Training(network, process, "mse", TrainingSettings(batch_size=2, warmup_steps=0), images, seed=0)
    run.network.train()
    seen, wrong = set(), []

    def watch(module, inputs, output):
        seen.add(type(module).__name__)
        for tensor in (inputs[0], output):
            if tensor.dim() == 4 and not tensor.is_contiguous(memory_format=network.layout):
                wrong.append((module, tuple(tensor.shape), tensor.stride()))

    for module in network.modules():
        if isinstance(module, (nn.Conv2d, nn.GroupNorm)) or type(module).__name__.endswith("Block"):
            module.register_forward_hook(watch)
    run.update(run.batches[0])
    assert seen == {"Conv2d", "GroupNorm", "ResidualBlock", "AttentionBlock"}
    assert not wrong
    assert network.layout == (torch.channels_last if channels > 8 else torch.contiguous_format)
