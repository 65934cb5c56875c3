"""Merged steps against Bayes' rule, their KL against torch, the cheapest path against all paths."""

import itertools
import math

import numpy as np
import pytest
import torch
from code_models import DIMENSIONS, NETWORK, TIMESTEPS, diffusion, fitted, pixels
from hypothesis import given
from hypothesis import strategies as st

from ddpm.compression import fitting
from ddpm.compression.schedule import (
    VARIANCES,
    CodingSchedule,
    Steps,
    all_steps_kl,
    cheapest_path,
    chunked_bits,
    steps_between,
)
from ddpm.compression.schedule_file import FittedCode, read_code, write_code
from ddpm.errors import DataError
from ddpm.study.compression import CompressionSettings

ALPHA_BAR = diffusion().alpha_bar.numpy()
ERRORS = st.floats(1e-4, 1.0)


@pytest.mark.parametrize("variance", VARIANCES)
def test_neighbours_are_those_of_equation_7(variance):
    process = diffusion()
    steps = steps_between(ALPHA_BAR[1:], ALPHA_BAR[:-1], NETWORK.errors[1:], variance)
    assert steps.c_0 == pytest.approx(process.posterior_coefficient_x_0[1:].numpy(), rel=1e-9)
    assert steps.c_r == pytest.approx(process.posterior_coefficient_x_t[1:].numpy(), rel=1e-9)
    assert steps.posterior_variance == pytest.approx(process.posterior_variance[1:].numpy(), rel=1e-9)
    expected = {
        "fixed_large": process.beta[1:].numpy(),
        "fixed_small": process.posterior_variance[1:].numpy(),
        "optimal": (process.posterior_variance + process.posterior_coefficient_x_0**2 * NETWORK.errors)[
            1:
        ].numpy(),
    }
    assert steps.variance == pytest.approx(expected[variance], rel=1e-9)


@given(pair=st.lists(st.integers(0, TIMESTEPS - 1), min_size=2, max_size=2, unique=True))
def test_merged_steps_are_those_of_bayes_rule(pair):
    s, r = sorted(pair)
    a_s, a_r = ALPHA_BAR[s], ALPHA_BAR[r]
    steps = steps_between(a_r, a_s, np.float64(0.1), "fixed_small")
    # Given x_0, (x_s, x_r) are jointly normal: x_r = sqrt(a_r / a_s) x_s + noise.
    covariance, variance_r = math.sqrt(a_r / a_s) * (1 - a_s), 1 - a_r
    assert steps.c_r == pytest.approx(covariance / variance_r)
    assert steps.c_0 == pytest.approx(math.sqrt(a_s) - covariance / variance_r * math.sqrt(a_r))
    assert steps.posterior_variance == pytest.approx(1 - a_s - covariance**2 / variance_r)


@given(r=st.integers(1, TIMESTEPS - 1), error=ERRORS, variance=st.sampled_from(VARIANCES))
def test_kl_against_torch(r, error, variance):
    steps = steps_between(ALPHA_BAR[r], ALPHA_BAR[r - 1], np.float64(error), variance)
    # Errors of which the mean square is the given one.
    differences = torch.tensor([-1.0, 0.5, 1.5, -0.3], dtype=torch.float64)
    differences *= math.sqrt(error) / differences.square().mean().sqrt()
    q = torch.distributions.Normal(differences * steps.c_0, math.sqrt(steps.posterior_variance))
    p = torch.distributions.Normal(torch.zeros(4, dtype=torch.float64), math.sqrt(steps.variance))
    expected = torch.distributions.kl_divergence(q, p).mean() / math.log(2)
    assert steps.kl(np.float64(error)) == pytest.approx(float(expected), rel=1e-6, abs=1e-9)


@given(r=st.integers(1, TIMESTEPS - 1), error=ERRORS, factor=st.floats(0.2, 5))
def test_no_variance_is_better_than_the_optimal_one(r, error, factor):
    best = steps_between(ALPHA_BAR[r], ALPHA_BAR[0], np.float64(error), "optimal") if r else None
    other = Steps(best.c_0, best.c_r, best.posterior_variance, best.variance * factor)
    assert best.kl(np.float64(error)) <= other.kl(np.float64(error)) + 1e-12
    if abs(factor - 1) > 0.01:
        assert best.kl(np.float64(error)) < other.kl(np.float64(error))


def test_all_steps_go_down():
    kl = all_steps_kl(ALPHA_BAR, NETWORK.errors, "optimal")
    below = np.tri(TIMESTEPS, k=-1, dtype=bool)
    assert np.isinf(kl[~below]).all()
    r, s = np.nonzero(below)
    steps = steps_between(ALPHA_BAR[r], ALPHA_BAR[s], NETWORK.errors[r], "optimal")
    assert kl[r, s] == pytest.approx(steps.kl(NETWORK.errors[r]))
    assert (kl[below] > 0).all()


def test_chunked_bits():
    kl = np.array([0.5, 2.0, 4.0, 80.0, 800.0, np.inf])
    bits = chunked_bits(kl, 8.0)
    assert bits[:3] == pytest.approx([0.3 + 2.11, 0.3 + 4.35, 0.3 + 6.73])
    assert 11.13 / 8 < bits[4] / 800 < bits[3] / 80  # Half a chunk is left empty, more steps a whole one.
    assert np.isinf(bits[5])
    assert (np.diff(chunked_bits(np.linspace(0, 300, 1000), 8.0)) > 0).all()


COSTS = st.lists(st.floats(0.01, 10), min_size=7, max_size=7)


@given(
    costs=st.lists(COSTS, min_size=7, max_size=7),
    end=COSTS,
    forbidden=st.sets(st.integers(1, 6)),
    steps=st.none() | st.integers(1, 7),
)
def test_cheapest_path_is_the_cheapest_of_all(costs, end, forbidden, steps):
    """Some times may not be the last; the path with one of them alone is then impossible."""
    cost = np.where(np.tri(7, k=-1, dtype=bool), np.array(costs), np.inf)
    last = np.array([np.inf if t in forbidden else value for t, value in enumerate(end)])

    def price(path):
        return sum(cost[r, s] for r, s in itertools.pairwise(path)) + last[path[-1]]

    paths = [
        [6, *reversed(between)] for count in range(7) for between in itertools.combinations(range(6), count)
    ]
    assert len(paths) == 2**6
    least = min(price(path) for path in paths if steps is None or len(path) == steps)
    if np.isinf(least):
        with pytest.raises(ValueError, match="no path of"):
            cheapest_path(cost, last, steps)
        return
    found = cheapest_path(cost, last, steps)
    assert found in paths
    assert steps is None or len(found) == steps
    assert price(found) == pytest.approx(least)


def test_more_steps_than_times():
    cost = all_steps_kl(ALPHA_BAR, NETWORK.errors, "optimal")
    assert cheapest_path(cost, np.zeros(TIMESTEPS), TIMESTEPS) == [*reversed(range(TIMESTEPS))]
    with pytest.raises(ValueError, match="no path of 21 times from T = 20; choose fewer"):
        cheapest_path(cost, np.zeros(TIMESTEPS), TIMESTEPS + 1)


@pytest.mark.parametrize(
    ("times", "variances", "kl", "message"),
    [
        ((), (), (), "must descend"),
        ((3, 3), (1.0, 1.0), (1.0, 1.0), "must descend"),
        ((1, 3), (1.0, 1.0), (1.0, 1.0), "must descend"),
        ((3, -1), (1.0, 1.0), (1.0, 1.0), "must descend"),
        ((3, 1), (1.0,), (1.0, 1.0), "one variance and one KL"),
        ((3, 1), (1.0, 1.0), (1.0,), "one variance and one KL"),
        ((3, 1), (1.0, 0.0), (1.0, 1.0), "positive and finite"),
        ((3, 1), (math.inf, 1.0), (1.0, 1.0), "positive and finite"),
        ((3, 1), (math.nan, 1.0), (1.0, 1.0), "positive and finite"),
    ],
)
def test_impossible_schedules(times, variances, kl, message):
    with pytest.raises(ValueError, match=message):
        CodingSchedule(times, variances, kl)


@pytest.mark.parametrize("end", [None, 0])
@pytest.mark.parametrize("steps", [None, 4])
def test_fitted_schedule(end, steps):
    process = diffusion()
    decoder = fitting.decoder_bits(process, NETWORK, pixels(30, seed=1), NETWORK.errors)
    found = fitting.fitted_schedule(
        ALPHA_BAR, NETWORK.errors, decoder, dimensions=DIMENSIONS, end=end, steps=steps
    )
    assert found.times[0] == TIMESTEPS - 1
    assert end is None or found.times[-1] == end
    assert steps is None or len(found.times) == steps
    r, s = np.array(found.times[:-1]), np.array(found.times[1:])
    between = steps_between(ALPHA_BAR[r], ALPHA_BAR[s], NETWORK.errors[r], "optimal")
    assert found.variances == pytest.approx([*between.variance, decoder.variance[found.times[-1]]])
    assert found.kl == pytest.approx([*between.kl(NETWORK.errors[r]), decoder.bits[found.times[-1]]])


def test_decoder_is_cheaper_the_less_noise_there_is():
    found = fitting.decoder_bits(diffusion(), NETWORK, pixels(50, seed=1), NETWORK.errors)
    assert found.bits.shape == found.variance.shape == (TIMESTEPS,)
    assert (found.variance > 0).all()
    assert found.bits[0] < found.bits[5] < found.bits[-1] < 8


def test_the_models_own_schedule():
    kl = np.arange(1.0, TIMESTEPS + 1)
    for variance in ("fixed_large", "fixed_small"):
        process = diffusion(variance)
        found = fitting.model_schedule(process, kl)
        log_variance = getattr(process, f"log_variance_{variance.removeprefix('fixed_')}")
        assert found.times == tuple(reversed(range(TIMESTEPS)))
        assert found.variances == pytest.approx(log_variance.exp().flip(0).numpy())
        assert found.kl == tuple(reversed(kl))
    with pytest.raises(ValueError, match="another for each image"):
        fitting.model_schedule(diffusion("learned"), kl)


@pytest.mark.parametrize("mode", ["progressive", "archive"])
def test_code_file(tmp_path, mode):
    code, path = fitted(mode, 4), tmp_path / "code.json"
    write_code(path, code, {"settings": "s"})
    assert read_code(path) == (code, {"settings": "s"})
    assert read_code(path)[0].hash == code.hash
    text = path.read_text()
    for wrong in (text[:100], "[]", "{}", text.replace('"mode"', '"mood"'), text.replace('"kl"', '"KL"')):
        path.write_text(wrong)
        with pytest.raises(DataError, match=r"code\.json: not a readable schedule"):
            read_code(path)
    path.write_text(text.replace(str(code.schedule.variances[0]), "0.123"))
    with pytest.raises(DataError, match="differs from the hash"):
        read_code(path)
    path.unlink()
    with pytest.raises(DataError, match="no such schedule"):
        read_code(path)


def test_codes_that_do_not_fit_their_schedule():
    code = fitted("progressive", 4)
    for mode, codes in (("progressive", code.codes[1:]), ("archive", code.codes), ("other", ())):
        with pytest.raises(ValueError, match=f"a {mode} code of"):
            FittedCode(mode, code.schedule, codes)


def test_settings_have_the_papers_codes():
    settings = CompressionSettings()
    assert set(settings.schedules) == {"progressive", "progressive_x1", "archive", "bound"}
    assert settings.schedules["progressive_x1"].last == "x_1"
    bound = settings.schedules["bound"]
    assert (bound.mode, bound.variance, bound.last, bound.steps) == ("archive", "model", "x_1", "all")
    given = CompressionSettings.model_validate({"schedules": {"mine": {"mode": "archive", "steps": 3}}})
    assert given.schedules["mine"].variance == "optimal"
    for wrong in ({"mode": "zip"}, {"mode": "archive", "steps": 0}, {"mode": "archive", "variance": "none"}):
        with pytest.raises(ValueError, match="schedules"):
            CompressionSettings.model_validate({"schedules": {"mine": wrong}})


def test_a_batch_fits_into_the_files_two_bytes():
    with pytest.raises(ValueError, match="batch_size"):
        CompressionSettings(batch_size=65536)
