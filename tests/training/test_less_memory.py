"""Batches in parts and activations that are computed again: the same gradients, by every path of training."""

import pytest
import torch
from tiny import SHAPE, settings, training
from torch import nn

from ddpm.errors import StudyError
from ddpm.network import normalised_swish, unet
from ddpm.network.dropout import Dropout, DropoutKeys
from ddpm.network.unet import UNet
from ddpm.study import load_study
from ddpm.training.batches import Batch
from ddpm.training.flat_parameters import FlatParameters
from ddpm.training.gradient import clipped_gradient
from ddpm.training.joining import require_processes
from ddpm.training.ranks import ALONE, Ranks
from ddpm.training.state import StateFolder

LESS = {"gradient_accumulation": 4, "activation_checkpointing": True}


class Regression(nn.Module):
    """In float64, with dropout."""

    def __init__(self) -> None:
        super().__init__()
        self.hidden, self.dropout, self.output = nn.Linear(3, 8), Dropout(0.5), nn.Linear(8, 2)
        for number, parameter in enumerate(self.double().parameters()):
            nn.init.normal_(parameter, generator=torch.Generator().manual_seed(number))
        self.keys = DropoutKeys(self, seed=4)

    def mean_loss(self, batch: Batch) -> torch.Tensor:
        self.keys.fill(7, batch.first, len(batch.t), batch.t.device)
        return (self.output(self.dropout(self.hidden(batch.x_0))) - batch.noise).square().mean()


class Unmet(Ranks):
    """One of two processes, before they average."""

    def mean_(self, tensor: torch.Tensor) -> torch.Tensor:
        return tensor


def gradient(largest, shards, accumulation, ranks=ALONE) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """The gradient of a batch of 24, or of a process's part of it; loss and norm."""
    generator = torch.Generator().manual_seed(0)
    x_0, noise = (torch.randn(24, n, generator=generator, dtype=torch.float64) for n in (3, 2))
    own = ranks.part(24)
    batch = Batch(x_0[own], torch.arange(24)[own], noise[own], own.start)
    network = Regression()
    parameters = FlatParameters(network)
    loss, norm = clipped_gradient(
        parameters, network.mean_loss, batch, largest, shards, ranks, accumulation=accumulation
    )
    return parameters.gradient, loss, norm


@pytest.mark.parametrize("accumulation", [2, 3, 6])
@pytest.mark.parametrize("shards", [1, 4])
@pytest.mark.parametrize("largest", [None, 0.5])
def test_the_gradient_of_parts_is_that_of_the_whole(largest, shards, accumulation):
    whole = gradient(largest, shards, 1)
    assert whole[2] > 0.5
    torch.testing.assert_close(gradient(largest, shards, accumulation), whole, rtol=1e-12, atol=1e-14)


@pytest.mark.parametrize("shards", [1, 4])
def test_parts_of_two_processes_make_the_whole(shards):
    halves = [gradient(0.5 if shards > 1 else None, shards, 3, Unmet(rank, 2)) for rank in (0, 1)]
    mean = tuple(torch.stack(both).mean(0) for both in zip(*halves, strict=True))
    whole = gradient(0.5 if shards > 1 else None, shards, 1)
    torch.testing.assert_close(mean[:2], whole[:2], rtol=1e-12, atol=1e-14)


def updated(**changes) -> torch.Tensor:
    """The gradient of a tiny run's second update, as Adam gets it."""
    run = training(learning_rate=1e-12, **changes)
    run.network.train()
    step = run.adam.step
    seen = []
    run.adam.step = lambda update, rate: (seen.append(run.parameters.gradient.clone()), step(update, rate))
    for update in range(2):
        run.update(run.batches[update])
    return seen[-1]


@pytest.mark.parametrize("change", [{"gradient_clip_shards": 2}, {"precision": "bfloat16"}])
def test_updates_of_a_run(change):
    usual = updated(gradient_clip=0.05, **change)
    assert torch.equal(updated(gradient_clip=0.05, activation_checkpointing=True, **change), usual)
    tolerance = 1e-2 if "precision" in change else 1e-5
    assert (updated(gradient_clip=0.05, **LESS, **change) - usual).norm() < tolerance * usual.norm()


def six_levels(dtype: torch.dtype, layout: torch.memory_format, checkpointing: bool) -> torch.Tensor:
    """All gradients of a narrow network with the levels of the one for 256 x 256 pixels."""
    network = UNet((3, 32, 32), 8, (1, 1, 2, 2, 4, 4), 1, (2,), dropout=0.3, groups=4)
    generator = torch.Generator().manual_seed(3)
    for parameter in network.parameters():
        nn.init.normal_(parameter, std=0.1, generator=generator)
    network.layout = layout
    network.to(memory_format=layout)
    network.working_dtype, network.checkpointing = dtype, checkpointing
    parameters = FlatParameters(network.train())
    DropoutKeys(network, seed=1).fill(5, 0, 2, torch.device("cpu"))
    x = torch.randn(2, 3, 32, 32, generator=generator)
    network(x, torch.tensor([3, 900])).square().mean().backward()
    return parameters.gradient


@pytest.mark.parametrize("frugal_from", [0, 2**30])
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_activations_computed_again_give_the_same_bits(dtype, layout, frugal_from, monkeypatch):
    monkeypatch.setattr(normalised_swish, "FRUGAL_FROM", frugal_from)
    usual = six_levels(dtype, layout, checkpointing=False)
    assert usual.norm() > 0
    assert torch.equal(six_levels(dtype, layout, checkpointing=True), usual)


def test_each_block_is_computed_again_in_training_alone(monkeypatch):
    parts = []
    checkpoint = unet.checkpoint
    monkeypatch.setattr(unet, "checkpoint", lambda *a, **kw: (parts.append(a), checkpoint(*a, **kw))[1])
    network = training(activation_checkpointing=True).network
    x, t = torch.zeros(8, *SHAPE), torch.zeros(8, dtype=torch.int64)
    network.eval()(x, t)
    with torch.no_grad():
        network(x, t)
    assert parts == []
    DropoutKeys(network.train(), 0).fill(0, 0, 8, x.device)
    network(x, t)
    # Two levels of one block down and two up; one downsampling; two parts between; the head.
    assert len(parts) == 2 + 1 + 2 + 4 + 1


def test_a_resumed_run_may_take_less_memory(tmp_path):
    """The settings are no part of what a run is: it goes on from a state that was saved without them."""
    usual = training(steps=4)
    usual.run(StateFolder(tmp_path / "usual", "tiny"), "usual")
    half = training(steps=2)
    states = StateFolder(tmp_path / "half", "tiny")
    half.run(states, "half")
    half.save(states)
    ended = []
    for less in (LESS, {"activation_checkpointing": True}):
        resumed = training(steps=4, **less)
        resumed.load(states.load())
        resumed.run(StateFolder(tmp_path / str(len(ended)), "tiny"), "resumed")
        ended.append(resumed.parameters.vector)
    torch.testing.assert_close(ended[0], usual.parameters.vector, rtol=1e-4, atol=1e-5)
    assert torch.equal(ended[1], usual.parameters.vector)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"gradient_accumulation": 3}, "3 parts do not divide a batch of 8 images"),
        (
            {"gradient_accumulation": 4, "gradient_clip_shards": 4},
            "4 parts do not divide a shard of 2 images",
        ),
    ],
)
def test_parts_must_divide(values, message):
    with pytest.raises(ValueError, match=f"gradient_accumulation: {message}; change one of them"):
        settings(**values)


def test_parts_must_divide_what_each_process_has(project):
    (project / "config/parts.yaml").write_text(
        "extends: demo.yaml\ndefaults: {training: {gradient_accumulation: 32}}\n"
    )
    study = load_study("config/parts.yaml")
    require_processes(study, "epsilon_L_simple", 2, "cpu")
    with pytest.raises(
        StudyError, match=r"parts\.yaml: models\.\S+\.gradient_accumulation: 32 parts do not divide the 16 "
    ):
        require_processes(study, "epsilon_L_simple", 4, "cpu")
