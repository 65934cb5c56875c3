"""What runs on a real GPU agrees with the processor; skipped where there is none."""

from collections.abc import Iterator

import pytest
import torch
from paper_models import MODELS, STUDY
from torch import nn

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.sampler import ancestral_step
from ddpm.model import build_process
from ddpm.network.dropout import DropoutKeys
from ddpm.network.execution import float32_products
from ddpm.network.layers import AttentionBlock, attend
from ddpm.network.normalised_swish import normalised_swish
from ddpm.network.unet import UNet
from ddpm.random_numbers import Stream, integers, normal, splitmix64
from ddpm.training.loop import Training

pytestmark = pytest.mark.skipif(not torch.cuda.is_available(), reason="torch finds no GPU here")

SHAPE = (3, 16, 16)
DEVICES = ("cpu", "cuda")


@pytest.fixture(autouse=True)
def in_float32() -> Iterator[None]:
    with float32_products():
        yield


def network(model: str, device: str) -> UNet:
    """A narrower network of the model's kind, channels last as the paper's."""
    multiple = 2 if STUDY.model(model).diffusion.variance == "learned" else 1
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


@pytest.mark.parametrize("model", MODELS)
def test_updates(model):
    settings = STUDY.model(model)
    of_run = {"batch_size": 16, "precision": "float32", "warmup_steps": 0}
    images = torch.randint(0, 256, (64, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)
    weights = {}
    for device in DEVICES:
        run = Training(
            network(model, device),
            build_process(STUDY, model).to(device),
            settings.diffusion.loss,
            settings.training.model_copy(update=of_run),
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


@pytest.mark.parametrize("model", MODELS)
def test_reverse_steps(model):
    x, noise = torch.randn(2, 4, *SHAPE).unbind(0)
    for index in (500, 0):
        drawn = {}
        for device in DEVICES:
            process: GaussianDiffusion = build_process(STUDY, model).to(device)
            of_device = network(model, device).eval().requires_grad_(False)
            drawn[device] = ancestral_step(process, of_device, x.to(device), index, noise.to(device)).x
        assert close(drawn, 1e-4), index


def test_dropout_masks():
    masks = []
    for device in DEVICES:
        of_device = network(MODELS[0], device).train()
        keys = DropoutKeys(of_device, 0)
        keys.fill(5, 0, 4, torch.device(device))
        layer = next(module for module in of_device.modules() if type(module).__name__ == "Dropout")
        masks.append(layer(torch.ones(4, 64, 16, 16, device=device)).cpu())
    assert torch.equal(*masks)
