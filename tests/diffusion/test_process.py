"""q, the posterior and the parameterisations against each other."""

import pytest
import torch
from authors import BETAS
from hypothesis import given
from hypothesis import strategies as st

from ddpm.diffusion.process import GaussianDiffusion


def images(seed: int, count: int = 3) -> torch.Tensor:
    return (
        torch.rand(count, 2, 4, 4, generator=torch.Generator().manual_seed(seed), dtype=torch.float64) * 2 - 1
    )


@given(index=st.lists(st.integers(0, 999), min_size=3, max_size=3), seed=st.integers(0, 100))
def test_the_true_output_gives_the_posterior(index, seed):
    """Fed with the noise, mu-tilde or x_0 itself, every parameterisation has q's posterior mean."""
    i, x_0, noise = torch.tensor(index), images(seed), images(seed + 1) * 2
    for prediction in ("epsilon", "mu_tilde", "x0"):
        process = GaussianDiffusion(BETAS, prediction, "fixed_small")
        x_t = process.q_sample(x_0, i, noise)
        step = process.reverse_step(process.target(x_0, x_t, i, noise), x_t, i, clip=False)
        torch.testing.assert_close(step.x_0, x_0, rtol=0, atol=1e-8)
        torch.testing.assert_close(step.mean, process.posterior_mean(x_0, x_t, i), rtol=0, atol=1e-9)


def test_algorithm_2_without_clipping():
    """mu = (x_t - beta / sqrt(1 - alpha-bar) epsilon) / sqrt(alpha) (Eq. 11)."""
    process = GaussianDiffusion(BETAS, "epsilon", "fixed_large")
    i, x_t, epsilon = torch.tensor([1, 400, 999]), images(0), images(1)
    beta, alpha_bar = process.beta[i].reshape(-1, 1, 1, 1), process.alpha_bar[i].reshape(-1, 1, 1, 1)
    expected = (x_t - beta / (1 - alpha_bar).sqrt() * epsilon) / (1 - beta).sqrt()
    torch.testing.assert_close(
        process.reverse_step(epsilon, x_t, i, clip=False).mean, expected, rtol=1e-9, atol=1e-9
    )


def test_clipping():
    process = GaussianDiffusion(BETAS, "epsilon", "fixed_large")
    i, x_t = torch.full((3,), 900), images(0) * 3
    assert float(process.reverse_step(-x_t, x_t, i, clip=True).x_0.abs().max()) == 1
    mu = GaussianDiffusion(BETAS, "mu_tilde", "fixed_large").reverse_step(x_t, x_t, i, clip=True)
    torch.testing.assert_close(mu.mean, x_t)


def test_learned_variance_is_the_second_half():
    process = GaussianDiffusion(BETAS, "epsilon", "learned")
    output = torch.cat([images(0), images(1)], dim=1)
    step = process.reverse_step(output, images(2), torch.tensor([0, 5, 999]), clip=False)
    torch.testing.assert_close(step.log_variance, images(1))
    with pytest.raises(ValueError, match="4 output channels, not 2"):
        process.reverse_step(images(0), images(2), torch.tensor([0, 5, 999]), clip=False)


def test_unknown_parameterisations():
    with pytest.raises(ValueError, match="velocity"):
        GaussianDiffusion(BETAS, "velocity", "learned")
    with pytest.raises(ValueError, match="interpolated"):
        GaussianDiffusion(BETAS, "epsilon", "interpolated")


@pytest.mark.parametrize("variance", ["fixed_small", "fixed_large"])
def test_fixed_variances(variance):
    """beta, or that of q's posterior: precisions of prior and likelihood add up (Bayes). Logarithms."""
    process = GaussianDiffusion(BETAS, "epsilon", variance)
    i, x_t = torch.tensor([1, 2, 400, 999]), images(0, 4)
    beta, before = process.beta[i], process.alpha_bar[i - 1]
    posterior = 1 / ((1 - beta) / beta + 1 / (1 - before))
    wanted = (posterior if variance == "fixed_small" else beta).log()
    step = process.reverse_step(x_t, x_t, i, clip=False)
    torch.testing.assert_close(step.log_variance.flatten(), wanted, rtol=1e-9, atol=0)
    first = process.reverse_step(x_t[:1], x_t[:1], torch.tensor([0]), clip=False).log_variance
    second = 1 / ((1 - BETAS[1]) / BETAS[1] + 1 / BETAS[0])
    assert float(first) == pytest.approx(torch.tensor(second).log().item(), rel=1e-6)
