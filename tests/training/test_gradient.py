"""The gradient of an update, clipped whole or in shards, against autograd tensor by tensor."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn

from ddpm.training.batches import Batch
from ddpm.training.flat_parameters import FlatParameters
from ddpm.training.gradient import clipped_gradient


class Regression(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.linear = nn.Linear(3, 2)

    def mean_loss(self, batch: Batch) -> torch.Tensor:
        return (self.linear(batch.x_0) - batch.noise).square().mean()


def problem(scale: float) -> tuple[Regression, Batch]:
    generator = torch.Generator().manual_seed(0)
    network = Regression()
    for parameter in network.parameters():
        nn.init.normal_(parameter, generator=generator)
    x_0 = scale * torch.randn(12, 3, generator=generator)
    return network, Batch(x_0, torch.arange(12), torch.randn(12, 2, generator=generator))


def truth(network: Regression, batch: Batch, largest: float | None, shards: int) -> torch.Tensor:
    """The authors' arithmetic: each core's loss over their number, clipped at largest over it; summed."""
    total = torch.zeros(8)
    for part in batch.shards(shards):
        gradients = torch.autograd.grad(network.mean_loss(part) / shards, list(network.parameters()))
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        limit = float("inf") if largest is None else largest / shards
        total += flat * min(1.0, limit / float(flat.norm()))
    return total


@settings(max_examples=40, deadline=None)
@given(
    shards=st.sampled_from([1, 2, 3, 4, 12]),
    largest=st.none() | st.floats(1e-3, 100),
    scale=st.floats(1e-2, 10),
)
def test_it_is_the_sum_of_the_cores_clipped_gradients(shards, largest, scale):
    network, batch = problem(scale)
    expected = truth(network, batch, largest, shards)
    parameters = FlatParameters(network)
    loss, norm = clipped_gradient(parameters, network.mean_loss, batch, largest, shards)
    torch.testing.assert_close(parameters.gradient, expected, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(loss, network.mean_loss(batch).detach())
    assert norm > 0


def test_shards_do_not_matter_where_nothing_is_clipped():
    gradients = []
    for shards in (1, 4):
        network, batch = problem(1.0)
        parameters = FlatParameters(network)
        clipped_gradient(parameters, network.mean_loss, batch, 1e6, shards)
        gradients.append(parameters.gradient.clone())
    torch.testing.assert_close(*gradients)


def test_shards_are_clipped_more_strictly_than_the_whole():
    """Gradients that cancel each other pass whole, but not in shards of their own."""
    norms = {}
    for shards in (1, 2):
        network, batch = problem(1.0)
        mirrored = Batch(
            torch.cat([batch.x_0, batch.x_0]),
            torch.cat([batch.t, batch.t]),
            torch.cat([batch.noise, 2 * network.linear(batch.x_0).detach() - batch.noise + 0.01]),
        )
        parameters = FlatParameters(network)
        _, norm = clipped_gradient(parameters, network.mean_loss, mirrored, 0.1, shards)
        norms[shards] = (float(norm), float(parameters.gradient.norm()))
    assert norms[1][0] < 0.1 < norms[2][0]
    assert norms[2][1] < norms[1][1]


def test_parts_of_a_batch():
    _, batch = problem(1.0)
    parts = batch.shards(3)
    assert [part.t.tolist() for part in parts] == [[0, 1, 2, 3], [4, 5, 6, 7], [8, 9, 10, 11]]
    assert torch.equal(torch.cat([part.x_0 for part in parts]), batch.x_0)


@pytest.mark.parametrize("shards", [1, 3])
def test_the_next_update_starts_from_zero(shards):
    """What is left behind is the gradient itself, no remainder of a shard."""
    network, batch = problem(1.0)
    parameters = FlatParameters(network)
    clipped_gradient(parameters, network.mean_loss, batch, None, shards)
    first = parameters.gradient.clone()
    parameters.gradient.zero_()
    clipped_gradient(parameters, network.mean_loss, batch, None, shards)
    assert torch.equal(parameters.gradient, first)
