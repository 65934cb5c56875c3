"""Schedule, posterior and weights against values computed independently (T = 1000, linear)."""

import numpy as np
import pytest
import torch
from authors import BETAS
from hypothesis import given
from hypothesis import strategies as st

from ddpm.diffusion.bound import gaussian_kl
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule

PROCESS = GaussianDiffusion(BETAS, "epsilon", "fixed_large")

# t, beta, alpha-bar, beta-tilde, coefficient of x_0, of x_t, weight of Eq. 12 with beta and with beta-tilde
TABLE = [
    (2, 1.199199199e-4, 0.9997800921, 5.453187661e-5, 0.5452914995, 0.4547085, 0.2726920843, 0.5996715122),
    (
        10,
        2.792792793e-4,
        0.9981052048,
        2.381820278e-4,
        0.1472737174,
        0.8527262261,
        0.07371701593,
        0.08643655975,
    ),
    (
        50,
        1.076076076e-3,
        0.9710157229,
        1.037241611e-3,
        0.03660390566,
        0.9633922809,
        0.01858309698,
        0.01927885063,
    ),
    (
        100,
        2.072072072e-3,
        0.8970181457,
        2.034596259e-3,
        0.01907634532,
        0.9808960213,
        0.01008126375,
        0.01026695344,
    ),
    (
        250,
        5.06006006e-3,
        0.5240853738,
        5.031720868e-3,
        0.007716657182,
        0.9918803845,
        5.343179434e-3,
        5.373272794e-3,
    ),
    (
        500,
        0.01004004004,
        0.07858724288,
        0.01003135541,
        3.070071114e-3,
        0.9941066702,
        5.503431926e-3,
        5.508196511e-3,
    ),
    (
        750,
        0.01502002002,
        3.350550439e-3,
        0.01501925003,
        8.789667743e-4,
        0.992410698,
        7.650162869e-3,
        7.650555071e-3,
    ),
    (1000, 0.02, 4.035829765e-5, 0.01999998353, 1.283514872e-4, 0.9899486783, 0.01020449347, 0.01020450187),
]


def epsilon_weights(variance: torch.Tensor) -> torch.Tensor:
    """beta^2 / (2 sigma^2 alpha (1 - alpha-bar)), the weight of the squared error in Eq. 12, in nats."""
    alpha = 1 - PROCESS.beta
    return PROCESS.beta**2 / (2 * variance * alpha * (1 - PROCESS.alpha_bar))


@pytest.mark.parametrize("row", TABLE, ids=lambda row: f"t={row[0]}")
def test_table(row):
    t, *expected = row
    i = t - 1
    ours = [
        PROCESS.beta[i],
        PROCESS.alpha_bar[i],
        PROCESS.posterior_variance[i],
        PROCESS.posterior_coefficient_x_0[i],
        PROCESS.posterior_coefficient_x_t[i],
        epsilon_weights(PROCESS.log_variance_large.exp())[i],
        epsilon_weights(PROCESS.log_variance_small.exp())[i],
    ]
    np.testing.assert_allclose([float(x) for x in ours], expected, rtol=2e-8)


def test_first_step():
    assert float(PROCESS.posterior_variance[0]) == 0
    assert float(PROCESS.posterior_coefficient_x_0[0]) == pytest.approx(1, abs=1e-12)
    assert float(PROCESS.posterior_coefficient_x_t[0]) == 0
    for log_variance in (PROCESS.log_variance_small, PROCESS.log_variance_large):
        assert float(log_variance[0].exp()) == pytest.approx(5.453187661e-5)
    assert float(epsilon_weights(PROCESS.log_variance_large.exp())[0]) == pytest.approx(0.9169866068)


def test_sums():
    assert float(PROCESS.beta.sum()) == pytest.approx(10.05)
    bits = 1 / np.log(2)
    for log_variance, expected in [
        (PROCESS.log_variance_large, 13.50506),
        (PROCESS.log_variance_small, 14.67292),
    ]:
        assert float(epsilon_weights(log_variance.exp())[1:].sum()) * bits == pytest.approx(
            expected, abs=1e-5
        )
    assert int(epsilon_weights(PROCESS.log_variance_large.exp()).argmin()) == 348


def test_cost_of_the_large_variance():
    """KL(beta-tilde || beta) makes 0.486 of the published rate of 1.776 bits/dim."""
    zero = torch.zeros(1000, dtype=torch.float64)
    kl = gaussian_kl(zero, PROCESS.log_variance_small, zero, PROCESS.log_variance_large) / np.log(2)
    assert float(kl[1:].sum()) == pytest.approx(0.486419, abs=1e-6)
    assert float(kl[1]) == pytest.approx(0.175125, abs=1e-6)
    assert float(kl[9]) == pytest.approx(0.00867233, abs=1e-8)


@given(
    kind=st.sampled_from(["linear", "quadratic", "constant", "warmup10", "warmup50", "jsd"]),
    timesteps=st.integers(2, 400),
    start=st.floats(1e-6, 1e-2),
    ratio=st.floats(1, 20),
)
def test_identities_of_every_schedule(kind, timesteps, start, ratio):
    betas = beta_schedule(kind, start, start * ratio, timesteps)
    assert betas.shape == (timesteps,)
    assert betas.dtype == np.float64
    if kind == "jsd":
        betas = betas[:-1]  # its last beta is 1: nothing of x_0 is left
    process = GaussianDiffusion(betas, "epsilon", "fixed_small")
    c_0, c_t = process.posterior_coefficient_x_0, process.posterior_coefficient_x_t
    np.testing.assert_allclose(c_0 / process.alpha_bar.sqrt() + c_t, (1 - process.beta) ** -0.5, rtol=1e-9)
    assert bool((process.posterior_variance <= process.beta).all())


def test_ends_of_the_schedules():
    assert beta_schedule("linear", 1e-4, 0.02, 1000)[[0, -1]].tolist() == [1e-4, 0.02]
    np.testing.assert_allclose(beta_schedule("quadratic", 1e-4, 0.02, 3)[1], ((0.01 + 0.02**0.5) / 2) ** 2)
    assert set(beta_schedule("constant", 1e-4, 0.02, 5)) == {0.02}
    warm = beta_schedule("warmup10", 1e-4, 0.02, 100)
    assert warm[0] == 1e-4
    assert set(warm[9:]) == {0.02}
    np.testing.assert_allclose(beta_schedule("jsd", 1e-4, 0.02, 4), [1 / 4, 1 / 3, 1 / 2, 1])


def test_bad_schedules():
    with pytest.raises(ValueError, match="cosine"):
        beta_schedule("cosine", 1e-4, 0.02, 10)
    with pytest.raises(ValueError, match="leaves"):
        beta_schedule("linear", -0.1, 0.02, 10)
