"""The reverse process in fewer steps against the whole process, and against the distribution of its chain."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.diffusion.process import GaussianDiffusion, at
from ddpm.diffusion.respacing import evenly_spaced, respaced, reverse_chain
from ddpm.diffusion.sampler import reverse_process
from ddpm.diffusion.schedule import beta_schedule

T, SHAPE, DEVIATION, COUNT = 40, (1, 2, 2), 0.2, 40_000
BETAS = beta_schedule("linear", 1e-3, 0.3, T)


def nothing(x_t, t):
    return torch.zeros_like(x_t)


def an_answer(x_t, t):
    """Some smooth function of x_t and t, in the place of a trained network."""
    return torch.tanh(0.7 * x_t.flip(-1) + 0.02 * t.reshape(-1, 1, 1, 1).to(x_t.dtype))


def drawn(process, network, x, *, clip):
    """The sample of a chain whose noise is the same for all chains of as many steps."""
    noise = lambda i: torch.randn(x.shape, generator=torch.Generator().manual_seed(i))  # noqa: E731
    for draw in reverse_process(process, network, x, process.timesteps, noise, clip=clip):
        x = draw.x
    return x


@given(timesteps=st.integers(1, 2000), data=st.data())
def test_evenly_spaced_times_ascend_from_end_to_end(timesteps, data):
    steps = data.draw(st.integers(1, timesteps))
    times = evenly_spaced(timesteps, steps)
    assert len(times) == steps
    assert times[-1] == timesteps - 1
    assert all(type(t) is int for t in times)
    if steps > 1:
        assert times[0] == 0
        apart, even = np.diff(times), (timesteps - 1) / (steps - 1)
        assert apart.min() >= 1
        assert np.abs(np.array(times) - even * np.arange(steps)).max() <= 0.5 + 1e-9


@pytest.mark.parametrize("steps", [0, -1, 11])
def test_steps_out_of_range_are_refused(steps):
    with pytest.raises(ValueError, match=r"steps of a process of T = 10; choose 1 to 10"):
        evenly_spaced(10, steps)


@pytest.mark.parametrize("variance", ["fixed_large", "fixed_small"])
def test_all_times_are_the_whole_process(variance):
    whole = GaussianDiffusion(BETAS, "epsilon", variance)
    process, _ = respaced(whole, nothing, range(T))
    for name in ("beta", "alpha_bar", "posterior_variance", "log_variance_large", "log_variance_small"):
        torch.testing.assert_close(getattr(process, name), getattr(whole, name), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize(("prediction", "clip"), [("epsilon", True), ("x0", True), ("mu_tilde", False)])
def test_all_times_give_the_samples_of_the_whole_process(prediction, clip):
    """To rounding in float32; the mean of mu-tilde prediction is its output, which no clipping touches."""
    whole = GaussianDiffusion(BETAS, prediction, "fixed_large")
    x = torch.randn(16, *SHAPE, generator=torch.Generator().manual_seed(99))
    expected = drawn(whole, an_answer, x, clip=clip)
    samples = drawn(*respaced(whole, an_answer, range(T)), x, clip=clip)
    assert float((samples - expected).abs().max()) < 2e-5 * float(expected.abs().max())
    assert float(expected.std()) > 0.1


def test_chosen_times_keep_their_marginals():
    whole = GaussianDiffusion(BETAS, "epsilon", "fixed_small")
    times = [0, 3, 4, 17, T - 1]
    process, _ = respaced(whole, nothing, times)
    torch.testing.assert_close(process.alpha_bar, whole.alpha_bar[times], rtol=0, atol=1e-15)
    assert process.timesteps == 5
    assert bool(((process.beta > 0) & (process.beta < 1)).all())


def test_the_network_is_asked_at_the_chosen_times():
    asked = []

    def network(x_t, t):
        asked.append(t.tolist())
        return torch.zeros_like(x_t)

    whole = GaussianDiffusion(BETAS, "epsilon", "fixed_small")
    drawn(*respaced(whole, network, [2, 5, T - 1]), torch.zeros(2, *SHAPE), clip=True)
    assert asked == [[T - 1] * 2, [5, 5], [2, 2]]


@pytest.mark.parametrize("times", [[], [3, 2], [2, 2], [-1, 3], [0, T]])
def test_times_must_ascend_within_the_process(times):
    with pytest.raises(ValueError, match=rf"must ascend within 0\.\.{T - 1}"):
        respaced(GaussianDiffusion(BETAS, "epsilon", "fixed_small"), nothing, times)


def test_a_learned_variance_has_no_fewer_steps_and_no_other():
    learned, fixed = (GaussianDiffusion(BETAS, "epsilon", v) for v in ("learned", "fixed_small"))
    for process, variance in ((learned, None), (learned, "fixed_small"), (fixed, "learned")):
        with pytest.raises(ValueError, match="learned"):
            reverse_chain(process, nothing, 5, variance)
    with pytest.raises(ValueError, match="learned"):
        reverse_chain(learned, nothing, None, "fixed_small")
    assert reverse_chain(learned, nothing).diffusion is learned


def test_a_chain_of_all_steps_is_the_model_itself():
    process = GaussianDiffusion(BETAS, "mu_tilde", "fixed_small")
    for steps in (None, T, list(range(1, T + 1))):
        chain = reverse_chain(process, nothing, steps, "fixed_small")
        assert (chain.diffusion, chain.network) == (process, nothing)
        assert list(chain.keys) == list(range(T + 1))
    other = reverse_chain(process, nothing, None, "fixed_large")
    assert (other.diffusion.prediction, other.diffusion.variance) == ("mu_tilde", "fixed_large")
    assert other.network is nothing
    assert torch.equal(other.diffusion.beta, process.beta)


def test_noise_is_keyed_by_the_whole_processs_times():
    process = GaussianDiffusion(BETAS, "epsilon", "fixed_small")
    assert list(reverse_chain(process, nothing, [1, 8, T]).keys) == [0, 7, T - 1, T]
    assert list(reverse_chain(process, nothing, 3).keys) == [*evenly_spaced(T, 3), T]


@pytest.mark.parametrize("variance", ["fixed_large", "fixed_small"])
@pytest.mark.parametrize("steps", [1, 2, 5, 12])
def test_gaussian_data_come_out_in_fewer_steps(steps, variance):
    """Deviation of samples of N(0, s^2) within four standard errors of the chain's exact one.

    E[epsilon | x_t] of such data is linear in x_t, so each step has slope a and noise of variance v, and the
    variance of the chain goes from V to a^2 V + v.
    """
    whole = GaussianDiffusion(BETAS, "epsilon", variance)

    def network(x_t, t):
        alpha_bar = at(whole.alpha_bar, t, x_t)
        return (1 - alpha_bar).sqrt() * x_t / (alpha_bar * DEVIATION**2 + 1 - alpha_bar)

    times = evenly_spaced(T, steps)
    alpha_bar = whole.alpha_bar.numpy()[times]
    exact = 1.0
    for i in reversed(range(steps)):
        here, before = alpha_bar[i], alpha_bar[i - 1] if i else 1.0
        beta = 1 - here / before
        x_0 = here**0.5 * DEVIATION**2 / (here * DEVIATION**2 + 1 - here)
        # Eq. 7 with the mean of x_0 given x_t.
        slope = before**0.5 * beta / (1 - here) * x_0 + (1 - beta) ** 0.5 * (1 - before) / (1 - here)
        tilde = beta * (1 - before) / (1 - here)
        noise = (beta if variance == "fixed_large" else tilde) if i else 0.0
        exact = slope**2 * exact + noise
    process, x_0_of = respaced(whole, network, times)
    generator = torch.Generator().manual_seed(steps)
    x = torch.randn(COUNT, 1, 1, 1, generator=generator)
    noise = lambda i: torch.randn(COUNT, 1, 1, 1, generator=generator)  # noqa: E731
    for draw in reverse_process(process, x_0_of, x, steps, noise, clip=False):
        x = draw.x
    assert float(x.std()) == pytest.approx(exact**0.5, rel=4 / (2 * COUNT) ** 0.5)
    assert abs(float(x.mean())) < 4 * exact**0.5 / COUNT**0.5
