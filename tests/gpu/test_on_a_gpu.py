"""What runs on a real GPU agrees with the processor; skipped where there is none.

Needs torch and pytest alone (`--noconftest`), as benchmarks/gpu.py does.
"""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from ddpm.data.images import Images
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.sampler import ancestral_step
from ddpm.diffusion.schedule import beta_schedule
from ddpm.network.dropout import DropoutKeys
from ddpm.network.execution import float32_products
from ddpm.network.layers import AttentionBlock, attend
from ddpm.network.normalised_swish import normalised_swish
from ddpm.network.unet import UNet
from ddpm.random_numbers import Stream, integers, normal, splitmix64
from ddpm.training.loop import Training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")

# Prediction, variance, loss, and parts that are clipped apart, of the six rows of Table 2.
MODELS = [
    ("mu_tilde", "learned", "kl", 8),
    ("mu_tilde", "fixed_large", "kl", 8),
    ("mu_tilde", "fixed_large", "mse", 1),
    ("epsilon", "learned", "kl", 8),
    ("epsilon", "fixed_large", "kl", 1),
    ("epsilon", "fixed_large", "mse", 1),
]
SHAPE = (3, 16, 16)
DEVICES = ("cpu", "cuda")


@pytest.fixture(autouse=True)
def in_float32() -> Iterator[None]:
    with float32_products():
        yield


def settings(shards: int) -> Any:
    """Those of the paper's training, in float32, with a smaller batch and no warm-up."""
    return SimpleNamespace(
        batch_size=16,
        flip=True,
        learning_rate=2e-4,
        warmup_steps=0,
        gradient_clip=1.0,
        gradient_clip_shards=shards,
        ema_decay=0.9999,
        ema_ramp=False,
        precision="float32",
        compiled=False,
    )


def process(prediction: str, variance: str, device: str) -> GaussianDiffusion:
    return GaussianDiffusion(beta_schedule("linear", 1e-4, 0.02, 1000), prediction, variance).to(device)


def network(variance: str, device: str) -> UNet:
    """A narrower network than the paper's, channels last as that one."""
    multiple = 2 if variance == "learned" else 1
    return UNet(SHAPE, 64, (1, 2), 1, (8,), dropout=0.1, output_multiple=multiple, seed=1).to(device)


def close(values: dict[str, torch.Tensor], tolerance: float) -> bool:
    size = values["cpu"].norm()
    return bool((values["cuda"].cpu() - values["cpu"]).norm() <= tolerance * size)


def test_random_numbers():
    index = {device: torch.arange(5, device=device) for device in DEVICES}
    drawn = {device: normal(3, Stream.SAMPLING, index[device], 7, (3, 8, 8)) for device in DEVICES}
    assert (drawn["cuda"].cpu() - drawn["cpu"]).abs().max() < 1e-5
    numbers = [integers(3, Stream.TIMESTEP, index[device], 7, 1000).cpu() for device in DEVICES]
    assert torch.equal(*numbers)
    words = [splitmix64(index[device], 100).cpu() for device in DEVICES]
    assert torch.equal(*words)


def test_gradient_of_normalised_swish():
    norm = nn.GroupNorm(32, 64)
    nn.init.normal_(norm.weight)
    x = torch.randn(128, 64, 16, 16).to(memory_format=torch.channels_last)
    weights = torch.randn(x.shape)
    gradients = {}
    for device in DEVICES:
        given = x.detach().to(device).requires_grad_()
        (normalised_swish(norm.to(device), given) * weights.to(device)).sum().backward()
        gradients[device] = given.grad
    assert close(gradients, 1e-5)


def test_attention():
    q, k, v = torch.randn(3, 4, 64, 128).unbind(0)
    assert close({device: attend(*(x.to(device) for x in (q, k, v))) for device in DEVICES}, 1e-5)
    block, x = AttentionBlock(128, 32), torch.randn(4, 128, 8, 8).to(memory_format=torch.channels_last)
    results = {device: block.to(device)(x.to(device)).detach() for device in DEVICES}
    assert close(results, 1e-5)
    assert results["cuda"].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(("prediction", "variance", "loss", "shards"), MODELS)
def test_updates(prediction, variance, loss, shards):
    images = torch.randint(0, 256, (64, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    weights = {}
    for device in DEVICES:
        run = Training(
            network(variance, device),
            process(prediction, variance, device),
            loss,
            settings(shards),
            images.to(device),
            seed=0,
        )
        run.network.train()
        # Waiting for the GPU within an update is an error, but for the order of a pass, drawn before.
        batches = [run.batches[update] for update in range(3)]
        for batch in batches:
            torch.cuda.set_sync_debug_mode("error" if device == "cuda" else "default")
            try:
                run.update(batch)
            finally:
                torch.cuda.set_sync_debug_mode("default")
        weights[device] = run.parameters.vector.detach()
    assert close(weights, 1e-3)


def test_images_of_the_host_are_read_ahead():
    """Without waiting for the GPU."""
    pytest.importorskip("numpy")
    pixels = torch.randint(0, 256, (64, *SHAPE)).to(torch.uint8)
    places = torch.randperm(64).split(16)
    torch.cuda.set_sync_debug_mode("error")
    try:
        batches = list(Images(pixels.numpy(), "cuda").stream(places))
    finally:
        torch.cuda.set_sync_debug_mode("default")
    for batch, index in zip(batches, places, strict=True):
        assert torch.equal(batch.cpu(), pixels[index])


@pytest.mark.parametrize(("prediction", "variance"), sorted({model[:2] for model in MODELS}))
def test_reverse_steps(prediction, variance):
    x, noise = torch.randn(2, 4, *SHAPE).unbind(0)
    for index in (500, 0):
        drawn = {}
        for device in DEVICES:
            of_device = network(variance, device).eval().requires_grad_(False)
            given = process(prediction, variance, device), of_device, x.to(device), index, noise.to(device)
            drawn[device] = ancestral_step(*given).x
        assert close(drawn, 1e-4), index


def test_dropout_masks():
    masks = []
    for device in DEVICES:
        of_device = network("fixed_large", device).train()
        keys = DropoutKeys(of_device, 0)
        keys.fill(5, 0, 4, torch.device(device))
        layer = next(module for module in of_device.modules() if type(module).__name__ == "Dropout")
        masks.append(layer(torch.ones(4, 64, 16, 16, device=device)).cpu())
    assert torch.equal(*masks)
