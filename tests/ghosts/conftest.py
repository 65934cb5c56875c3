"""The six models of the paper's study, as it has them, on a device without data."""

from collections.abc import Iterator

import ghosts
import pytest
import torch
from paper_models import MODELS, STUDY

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.model import build_diffusion, build_network
from ddpm.network.execution import BatchSplittingNetwork, Execution, round_weights
from ddpm.training.loop import Training

PRECISIONS = ("tf32", "bfloat16")
IMAGES = 5000


@pytest.fixture(params=PRECISIONS)
def precision(request: pytest.FixtureRequest) -> str:
    return request.param


# Whose networks differ; the others take the same path, and are left to `make test-all`.
_QUICK = ("epsilon_L_simple", "epsilon_L_learned")


@pytest.fixture(
    params=[name if name in _QUICK else pytest.param(name, marks=pytest.mark.slow) for name in MODELS]
)
def model(request: pytest.FixtureRequest) -> str:
    return request.param


@pytest.fixture
def ghosts_know_autocast(monkeypatch):
    monkeypatch.setattr(torch, "autocast", ghosts.autocast)


@pytest.fixture(autouse=True)
def products_as_before() -> Iterator[None]:
    """Execution.apply sets the products' precision for the process."""
    backends = torch.backends.cuda.matmul, torch.backends.cudnn
    before = [backend.allow_tf32 for backend in backends]
    yield
    for backend, allowed in zip(backends, before, strict=True):
        backend.allow_tf32 = allowed


@pytest.fixture
def training(model: str, precision: str, ghosts_know_autocast: None) -> Training:
    """A training run of the study, of which the first batch has been drawn."""
    settings = STUDY.model(model)
    network, process = build_network(STUDY, model, 0).to("meta"), build_diffusion(STUDY, model).to("meta")
    images = torch.empty(IMAGES, *network.image_shape, dtype=torch.uint8, device="meta")
    of_run = settings.training.model_copy(update={"precision": precision})
    run = Training(network, process, settings.diffusion.loss, of_run, images, seed=0)
    run.network.train()
    # The order of a pass over the data is drawn on the host, once a pass.
    _ = run.batches[0]
    return run


@pytest.fixture
def trained(
    model: str, precision: str, ghosts_know_autocast: None
) -> tuple[BatchSplittingNetwork, GaussianDiffusion]:
    """A trained model as sampling and the bound open it."""
    network = build_network(STUDY, model, 0).to("meta").eval().requires_grad_(False)
    Execution(precision).apply(network)
    round_weights(network)
    return BatchSplittingNetwork(network), build_diffusion(STUDY, model).to("meta")
