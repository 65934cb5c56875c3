"""What the chains of figures 8 and 9 show the network first: sources diffused by so many steps (Eq. 4)."""

import numpy as np
import pytest
import torch

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.random_numbers import Stream, normal
from ddpm.sampling.chains import LAMBDAS, interpolations

SHAPE, TIMESTEPS, SEED = (1, 4, 4), 12, 3


def diffused(pixels, count, noise):
    """x_t after `count` steps of the forward process, in float64."""
    alpha_bar = np.prod(1 - np.linspace(1e-3, 0.2, TIMESTEPS)[:count])
    return alpha_bar**0.5 * (pixels.double() / 127.5 - 1) + (1 - alpha_bar) ** 0.5 * noise.double()


@pytest.mark.parametrize("share_noise", [True, False])
def test_sources_are_diffused_by_as_many_steps_as_the_network_takes_back(share_noise):
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, TIMESTEPS), "epsilon", "fixed_large")
    sources = torch.randint(0, 256, (2, 2, *SHAPE), generator=torch.Generator().manual_seed(0)).byte()
    steps, seen = [1, 7, TIMESTEPS], []

    def network(x, index):
        seen.append((x.clone(), index.unique().item()))
        return torch.zeros_like(x)

    interpolations(process, network, sources, steps, share_noise, SEED, "test")
    assert [index for _, index in seen] == 2 * [i for count in steps for i in reversed(range(count))]
    places = np.cumsum([0, *steps, *steps])[:-1]
    weights = torch.from_numpy(LAMBDAS).reshape(-1, 1, 1, 1)
    for number, place in enumerate(places):
        pair, row = divmod(number, len(steps))
        index = torch.tensor([2 * pair, 2 * pair + 1])
        noise = normal(SEED, Stream.DIFFUSED_SOURCES, index, 0 if share_noise else row, SHAPE)
        one, other = (diffused(sources[pair, side], steps[row], noise[side]) for side in (0, 1))
        wanted = (1 - weights) * one + weights * other
        torch.testing.assert_close(seen[place][0].double(), wanted, rtol=0, atol=1e-5)
