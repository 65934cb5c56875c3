"""Twenty training steps agree with the authors' optimiser, clipping, warm-up and averaging.

Tolerances are 1.5 to 2 times the largest disagreement over both layouts and three instruction sets.
"""

import numpy as np
import pytest
import torch
from authors import BETAS, NETWORKS, archive, network, relative_error

from ddpm.data.scaling import to_model
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.network import normalised_swish
from ddpm.network.published.names import tensorflow_name
from ddpm.network.unet import UNet
from ddpm.study.models import TrainingSettings
from ddpm.training.batches import Batch
from ddpm.training.loop import Training


def batch(step: int, x_0: torch.Tensor) -> Batch:
    random = np.random.default_rng(10_000 + step)
    noise = np.moveaxis(random.standard_normal((4, 16, 16, 3)).astype(np.float32), -1, 1)
    index = torch.from_numpy(random.integers(0, 1000, 4))
    return Batch(x_0, index, torch.from_numpy(np.ascontiguousarray(noise)))


def in_tensorflow_layout(tensor: torch.Tensor) -> torch.Tensor:
    if tensor.dim() == 4:
        return tensor.permute(2, 3, 1, 0)
    return tensor.T if tensor.dim() == 2 else tensor


def small_network(layout: torch.memory_format) -> UNet:
    unet = UNet(**NETWORKS["small"])
    unet.layout = layout
    unet.to(memory_format=layout)
    unet.load_state_dict(network("small", learned=False).state_dict())
    return unet


@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last], ids=["own", "papers"])
def test_twenty_steps(layout, monkeypatch):
    """In the small network's layout; and channels last, as the paper's network computes."""
    if layout == torch.channels_last:
        monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", 0)
    truth, unet = archive("small"), small_network(layout)
    settings = TrainingSettings(
        steps=20, batch_size=4, learning_rate=2e-4, warmup_steps=10, ema_decay=0.9, flip=False, log_every=1
    )
    pixels = torch.from_numpy(np.ascontiguousarray(np.moveaxis(truth["x0_uint8"], -1, 1)))
    training = Training(
        unet, GaussianDiffusion(BETAS, "epsilon", "fixed_large"), "mse", settings, pixels, seed=0
    )
    for step in range(20):
        training.update(batch(step, to_model(pixels)))
        training.curve.close_interval()
    curve = training.curve.frame()
    np.testing.assert_allclose(curve["loss"], truth["train/loss"], rtol=7e-7)
    np.testing.assert_allclose(curve["gradient_norm"], truth["train/gnorm"], rtol=1e-6)
    np.testing.assert_allclose(curve["learning_rate"], truth["train/lr"], rtol=2e-7)
    compared = 0
    average = training.parameters.views(training.average)
    for key, weights in training.network.named_parameters():
        name = tensorflow_name(key)
        if f"train/final/{name}" not in truth:
            continue
        compared += 1
        for ours, kind in [(weights, "final"), (average[key], "ema")]:
            theirs = torch.from_numpy(truth[f"train/{kind}/{name}"])
            assert relative_error(in_tensorflow_layout(ours), theirs) < 2.5e-7, (name, kind)
    assert compared == 4
