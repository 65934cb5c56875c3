"""The decoder, KL and prior against mathematics."""

import math

import numpy as np
import pytest
import torch
from authors import BETAS
from hypothesis import given
from hypothesis import strategies as st

from ddpm.diffusion.bound import bound_term, decoder_log_likelihood, gaussian_kl, prior_term
from ddpm.diffusion.objectives import training_losses
from ddpm.diffusion.process import GaussianDiffusion

LEVELS = torch.arange(256).double() / 127.5 - 1


@given(mean=st.floats(-1.2, 1.2), log_variance=st.floats(-12, 2))
def test_decoder_masses_sum_to_one(mean, log_variance):
    log_p = decoder_log_likelihood(
        LEVELS, torch.tensor(mean), torch.tensor(log_variance, dtype=torch.float64)
    )
    # Masses below the floor of 1e-12 are raised to it: at most 256e-12 in all.
    assert float(log_p.exp().sum()) == pytest.approx(1, abs=1e-9)


def test_decoder_at_zero_error():
    sigma = GaussianDiffusion(BETAS, "epsilon", "fixed_large").log_variance_large[0]
    assert float((0.5 * sigma).exp()) * 127.5 == pytest.approx(0.94153, abs=1e-5)
    x = LEVELS[100:101]
    assert -float(decoder_log_likelihood(x, x, sigma)) / math.log(2) == pytest.approx(1.305665, abs=2e-6)


@pytest.mark.parametrize(("rmse", "bits"), [(0.5, 1.4909), (0.95136, 1.9766), (1.1, 2.2042)])
def test_decoder_for_gaussian_errors(rmse, bits):
    """Expected codelength at an RMSE in grey levels; the paper's pair is 0.95 and 1.97 bits/dim."""
    sigma = GaussianDiffusion(BETAS, "epsilon", "fixed_large").log_variance_large[0]
    error = torch.from_numpy(np.random.default_rng(0).standard_normal(400_000)) * rmse / 127.5
    nll = -decoder_log_likelihood(torch.zeros(()).double(), error, sigma) / math.log(2)
    # x = 0 lies between two levels; the decoder only sees the difference from the mean.
    assert float(nll.mean()) == pytest.approx(bits, abs=4 * float(nll.std()) / 400_000**0.5)


@given(m1=st.floats(-3, 3), m2=st.floats(-3, 3), v1=st.floats(-5, 3), v2=st.floats(-5, 3))
def test_kl_against_torch(m1, m2, v1, v2):
    t = lambda x: torch.tensor(x, dtype=torch.float64)  # noqa: E731
    normal = torch.distributions.Normal
    expected = torch.distributions.kl_divergence(
        normal(t(m1), (t(v1) / 2).exp()), normal(t(m2), (t(v2) / 2).exp())
    )
    assert float(gaussian_kl(t(m1), t(v1), t(m2), t(v2))) == pytest.approx(
        float(expected), rel=1e-9, abs=1e-12
    )


@pytest.mark.parametrize("second_moment", [0.1, 0.27, 1.0])
def test_prior_term(second_moment):
    process = GaussianDiffusion(BETAS, "epsilon", "fixed_large")
    x_0 = torch.full((1, 3, 4, 4), second_moment**0.5, dtype=torch.float64)
    assert float(prior_term(process, x_0)) == pytest.approx(2.91130e-5 * second_moment + 5.87e-10, rel=1e-4)


@pytest.mark.parametrize(
    ("prediction", "variance", "loss", "expected", "tolerance"),
    [
        ("epsilon", "fixed_large", "mse", 1.0, 0.01),
        ("mu_tilde", "fixed_large", "mse", 0.784, 0.01),
        ("epsilon", "fixed_large", "kl", 0.01400, 0.0006),
        ("epsilon", "learned", "kl", 2.815, 0.03),
        ("mu_tilde", "learned", "kl", 3.38, 0.03),
        ("mu_tilde", "fixed_large", "kl", 86.4, 1.5),
    ],
)
def test_losses_of_a_network_that_answers_zero(prediction, variance, loss, expected, tolerance):
    """Mean over t > 1 for images with second moment 0.256."""
    process = GaussianDiffusion(BETAS, prediction, variance)
    index = torch.arange(1, 1000)
    generator = torch.Generator().manual_seed(0)
    x_0 = torch.randn(999, 3, 8, 8, generator=generator) * 0.256**0.5
    noise = torch.randn(999, 3, 8, 8, generator=generator)
    multiple = 2 if variance == "learned" else 1
    zero = lambda x, i: torch.zeros(len(x), 3 * multiple, 8, 8)  # noqa: E731
    losses = training_losses(process, zero, loss, x_0, index, noise)
    assert float(losses.mean()) == pytest.approx(expected, abs=tolerance)


def test_mse_gives_learned_variance_no_gradient():
    process = GaussianDiffusion(BETAS, "epsilon", "learned")
    x = torch.zeros(1, 1, 2, 2)
    with pytest.raises(ValueError, match="learned"):
        training_losses(process, lambda x, i: x, "mse", x, torch.zeros(1, dtype=torch.int64), x)


def test_the_untaken_decoder_leaves_gradients_finite():
    """At t > 1 a tiny learned variance overflows the decoder, whose NaN must not reach the KL's gradient."""
    process = GaussianDiffusion(BETAS, "epsilon", "learned")
    index = torch.tensor([0, 500])
    output = torch.zeros(2, 2, 2, 2, requires_grad=True)
    log_variance = torch.tensor([-9.0, -80.0]).reshape(2, 1, 1, 1)
    x = torch.rand(2, 1, 2, 2, generator=torch.Generator().manual_seed(0)) * 2 - 1
    raw = torch.cat([output[:, :1], output[:, 1:] + log_variance], dim=1)
    bound_term(process, x, x, index, process.reverse_step(raw, x, index, clip=False)).sum().backward()
    assert output.grad is not None
    assert bool(torch.isfinite(output.grad).all())
