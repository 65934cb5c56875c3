"""Ancestral sampling against the distribution that it must produce."""

import pytest
import torch

from ddpm.diffusion.process import GaussianDiffusion, at
from ddpm.diffusion.sampler import interpolate, reverse_process
from ddpm.diffusion.schedule import beta_schedule

MEAN, DEVIATION, COUNT = 0.3, 0.2, 40_000


def optimal_epsilon(process: GaussianDiffusion):
    """E[epsilon | x_t] for data N(MEAN, DEVIATION^2) in every pixel."""

    def network(x_t, index):
        signal, alpha_bar = at(process.alpha_bar.sqrt(), index, x_t), at(process.alpha_bar, index, x_t)
        variance = alpha_bar * DEVIATION**2 + 1 - alpha_bar
        return (1 - alpha_bar).sqrt() * (x_t - signal * MEAN) / variance

    return network


def predicted_moments(process: GaussianDiffusion) -> tuple[float, float]:
    """Mean and standard deviation of the samples: every step is linear in x_t for this denoiser."""
    network = optimal_epsilon(process)
    mean, variance = 0.0, 1.0
    for index in reversed(range(process.timesteps)):
        i = torch.full((2,), index)
        x_t = torch.tensor([0.0, 1.0], dtype=torch.float64).reshape(2, 1, 1, 1)
        step = process.reverse_step(network(x_t, i), x_t, i, clip=False)
        offset, slope = float(step.mean[0]), float(step.mean[1] - step.mean[0])
        noise = float(step.log_variance[0].exp()) if index else 0.0
        mean, variance = offset + slope * mean, slope**2 * variance + noise
    return mean, variance**0.5


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_gaussian_data_come_out(variance):
    """Moments of the samples within four standard errors of the chain's exact ones."""
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 100), "epsilon", variance)
    generator = torch.Generator().manual_seed(0)
    x = torch.randn(COUNT, 1, 1, 1, generator=generator)
    noise = lambda index: torch.randn(COUNT, 1, 1, 1, generator=generator)  # noqa: E731
    for draw in reverse_process(process, optimal_epsilon(process), x, 100, noise, clip=False):
        x = draw.x
    mean, deviation = predicted_moments(process)
    assert float(x.mean()) == pytest.approx(mean, abs=4 * deviation / COUNT**0.5)
    assert float(x.std()) == pytest.approx(deviation, rel=4 / (2 * COUNT) ** 0.5)


def test_the_two_variances_bracket_the_data():
    """Section 3.2: beta is right for data N(0, I), beta-tilde for a single point; the truth lies between."""
    betas = beta_schedule("linear", 1e-4, 0.02, 1000)
    small, large = (GaussianDiffusion(betas, "epsilon", f"fixed_{size}") for size in ("small", "large"))
    assert predicted_moments(small)[1] < DEVIATION < predicted_moments(large)[1]
    for process in (small, large):
        mean, deviation = predicted_moments(process)
        assert mean == pytest.approx(MEAN, abs=1e-3)
        assert deviation == pytest.approx(DEVIATION, rel=0.05)


def test_the_last_step_is_noiseless_and_equals_x_0_hat():
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 20), "epsilon", "fixed_large")
    x = torch.randn(3, 1, 4, 4, generator=torch.Generator().manual_seed(1))
    draws = list(
        reverse_process(process, lambda x, i: torch.zeros_like(x), x, 20, lambda index: torch.ones_like(x))
    )
    assert [draw.t for draw in draws] == list(range(19, -1, -1))
    torch.testing.assert_close(draws[-1].x, draws[-1].x_0)
    assert float(draws[-1].x.abs().max()) <= 1


def test_no_steps_change_nothing():
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, 20), "epsilon", "fixed_large")
    assert (
        list(reverse_process(process, lambda x, i: x, torch.zeros(1, 1, 2, 2), 0, lambda i: torch.zeros(1)))
        == []
    )


def test_interpolation_ends_and_middle():
    a, b = torch.zeros(1, 2, 2), torch.ones(1, 2, 2)
    mixed = interpolate(a, b, torch.tensor([0.0, 0.25, 1.0]))
    assert mixed[:, 0, 0, 0].tolist() == [0.0, 0.25, 1.0]
