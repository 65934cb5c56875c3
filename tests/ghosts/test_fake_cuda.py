"""Sampling and the bound of the paper's six models on tensors that call themselves CUDA's."""

import fake_cuda
import pytest
import torch
from fake_cuda import FakeCuda
from paper_models import STUDY
from torch.nn import functional

from ddpm.data.scaling import to_model
from ddpm.diffusion.bound import prior_term
from ddpm.evaluation.bound_terms import pair_terms
from ddpm.model import build_diffusion, build_network
from ddpm.network.execution import Execution, round_weights
from ddpm.sampling.shards import draw_batch

SHAPE = (3, 32, 32)


@pytest.fixture
def cuda(monkeypatch) -> FakeCuda:
    monkeypatch.setattr(torch, "autocast", fake_cuda.autocast)
    return FakeCuda()


def test_a_batch_of_samples_and_terms_of_the_bound(cuda, model, precision):
    network = build_network(STUDY, model, 0).eval().requires_grad_(False)
    Execution(precision).apply(network)
    round_weights(network)
    cuda.move(network)
    process = build_diffusion(STUDY, model)
    for name, value in vars(process).items():
        if isinstance(value, torch.Tensor):
            setattr(process, name, cuda.tensor(value))
    process.timesteps = 3
    with cuda.entered():
        index = torch.arange(4, device="cuda")
        x, kept = draw_batch(process, network, SHAPE, index, 0, [2, 3])
        x_0 = to_model(torch.zeros(4, *SHAPE, dtype=torch.uint8, device="cuda"))
        terms = pair_terms(process, network, x_0, index, index, 0)
        tensors = [x, *kept, *terms, prior_term(process, x_0)]
    assert {(tensor.device, tensor.dtype) for tensor in tensors} == {(fake_cuda.CUDA, torch.float32)}


def test_another_device_is_refused(cuda):
    with cuda.entered(), pytest.raises(RuntimeError, match="found at least two devices"):
        torch.ones(2, device="cuda") + torch.ones(2)


def test_what_waits_for_the_device(cuda):
    with cuda.entered(), pytest.raises(Exception, match="_local_scalar_dense"):
        torch.ones(1, device="cuda").item()


def test_autocast_is_that_of_cuda(cuda):
    with cuda.entered():
        x, weight = torch.ones(1, 4, 8, 8, device="cuda"), torch.ones(4, 4, 3, 3, device="cuda")
        with torch.autocast("cuda", torch.bfloat16):
            assert functional.conv2d(x, weight).dtype == torch.bfloat16
            assert functional.group_norm(x.bfloat16(), 2).dtype == torch.float32
        assert functional.conv2d(x, weight).dtype == torch.float32
