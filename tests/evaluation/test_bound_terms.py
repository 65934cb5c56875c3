"""The bound over a split: sharding, exactness where it is known, rate and distortion."""

import numpy as np
import pandas as pd
import pytest
import torch

from ddpm.data.scaling import to_model
from ddpm.diffusion.bound import bound_term, prior_term
from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.schedule import beta_schedule
from ddpm.errors import DataError
from ddpm.evaluation.bound_terms import bound_terms
from ddpm.evaluation.rate_distortion import likelihood, rate_distortion, read_bound_terms
from ddpm.network.unet import UNet
from ddpm.random_numbers import Stream, normal
from ddpm.records.traced_files import write_frame
from ddpm.study.evaluation import LikelihoodSettings

SHAPE, TIMESTEPS = (1, 8, 8), 10


@pytest.fixture(scope="module")
def model():
    torch.set_num_threads(1)
    network = UNet(SHAPE, 8, (1, 2), 1, (4,), groups=4, seed=1)
    process = GaussianDiffusion(beta_schedule("linear", 1e-3, 0.2, TIMESTEPS), "epsilon", "fixed_large")
    return process, network.eval().requires_grad_(False)


@pytest.fixture(scope="module")
def pixels():
    return torch.randint(0, 256, (11, *SHAPE), generator=torch.Generator().manual_seed(0)).to(torch.uint8)


def evaluate(model, pixels, batch_size, per_shard):
    settings = LikelihoodSettings(batch_size=batch_size, images_per_shard=per_shard)
    parts = []
    for shard in range(settings.shards(len(pixels), TIMESTEPS)):
        first, last = settings.shard_range(shard, len(pixels), TIMESTEPS)
        parts.append(bound_terms(*model, pixels[first:last], first, settings, "test"))
    return [np.concatenate([getattr(part, name) for part in parts]) for name in ("prior", "terms", "mse")]


@pytest.mark.parametrize("batch_size", [3, 10, 25])
def test_shard_layouts_agree_bit_for_bit(model, pixels, batch_size):
    """Batches that hold less than one image's timesteps, exactly one image, or two and a half."""
    whole = evaluate(model, pixels, batch_size, 100)
    for per_shard in (1, 4, 7):
        for ours, theirs in zip(evaluate(model, pixels, batch_size, per_shard), whole, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_one_image_at_one_time(model, pixels):
    """The same numbers as the terms one by one, to rounding."""
    process, network = model
    prior, terms, mse = evaluate(model, pixels, 25, 100)
    x_0 = to_model(pixels[7:8])
    assert prior[7] == pytest.approx(float(prior_term(process, x_0)), rel=1e-5)
    for index in range(TIMESTEPS):
        i = torch.tensor([index])
        x_t = process.q_sample(x_0, i, normal(0, Stream.BOUND, torch.tensor([7]), index, SHAPE))
        step = process.reverse_step(network(x_t, i), x_t, i, clip=True)
        assert terms[7, index] == pytest.approx(float(bound_term(process, x_0, x_t, i, step)), rel=1e-4)
        assert mse[7, index] == pytest.approx(float((step.x_0 - x_0).square().mean()), rel=1e-4)


def test_a_perfect_network_pays_for_the_variance_alone(pixels):
    """With x_0-hat = x_0 a term is KL(beta-tilde || beta), and the first is the decoder at zero error."""
    process = GaussianDiffusion(beta_schedule("linear", 1e-4, 0.02, 1000), "x0", "fixed_large")
    answer, settings = to_model(pixels[:1]), LikelihoodSettings(batch_size=250)
    terms = bound_terms(process, lambda x, i: answer.expand_as(x), pixels[:1], 0, settings, "test")
    assert float(terms.terms[0, 1:].sum()) == pytest.approx(0.486419, abs=1e-3)
    assert float(terms.terms[0, 1]) == pytest.approx(0.175125, abs=1e-4)
    assert float(terms.mse.max()) == 0
    # 1.3057 bits for an inner grey level; black and white pixels cost less, as their bins are wide.
    assert 0 < float(terms.terms[0, 0]) <= 1.3058


def frame_of(prior, terms, mse):
    return pd.DataFrame({"image": range(len(prior)), "prior": prior, "terms": list(terms), "mse": list(mse)})


def test_likelihood_and_rate_distortion():
    terms = np.array([[2.0, 1.0, 0.5], [2.2, 1.2, 0.7]])
    frame = frame_of([0.01, 0.03], terms, np.array([[4e-4, 0.01, 0.04], [0.0, 0.03, 0.04]]))
    parts = likelihood(frame)
    assert parts["NLL"][0] == pytest.approx(0.02 + 2.1 + 1.1 + 0.6)
    assert parts["NLL"][1] == pytest.approx(abs(3.51 - 4.13) / 2)  # standard error of two images
    assert parts["rate"][0] == pytest.approx(0.02 + 1.7)
    assert parts["distortion"][0] == parts["L_0"][0] == pytest.approx(2.1)
    assert parts["L_1:T-1"][0] == pytest.approx(1.7)
    assert parts["RMSE"][0] == pytest.approx(127.5 * 2e-4**0.5)
    curve = rate_distortion(frame)
    assert curve["t"].tolist() == [1, 2, 3]
    assert curve["reverse_steps"].tolist() == [3, 2, 1]
    np.testing.assert_allclose(curve["rate"], [0.02 + 1.7, 0.02 + 0.6, 0.02])
    np.testing.assert_allclose(curve["rmse"], 127.5 * np.sqrt([2e-4, 0.02, 0.04]))


def test_errors_of_rate_and_distortion_are_those_of_repeated_draws():
    """The spread of both over many sets of 400 images, against the errors stated for one set."""
    rng = np.random.default_rng(0)
    curves = []
    for _ in range(300):
        terms, mse = rng.gamma(2.0, 0.1, (400, 4)), rng.gamma(4.0, 0.001, (400, 4))
        curves.append(rate_distortion(frame_of(rng.gamma(2.0, 0.01, 400), terms, mse)))
    for name in ("rate", "rmse"):
        spread = np.std([curve[name] for curve in curves], axis=0, ddof=1)
        stated = np.mean([curve[f"{name}_error"] for curve in curves], axis=0)
        # 300 draws give a standard deviation to 4 %.
        np.testing.assert_allclose(stated, spread, rtol=0.17)


def test_the_error_of_the_rate_is_that_of_the_likelihoods_part():
    rng = np.random.default_rng(1)
    frame = frame_of(rng.random(5), rng.random((5, 3)), rng.random((5, 3)))
    parts, first = likelihood(frame), rate_distortion(frame).iloc[0]
    assert (first["rate"], first["rate_error"]) == pytest.approx(parts["rate"])
    assert (first["rmse"], first["rmse_error"]) == pytest.approx(parts["RMSE"])
    assert likelihood(frame.iloc[:1])["RMSE"][1] is None


def test_shards_with_a_gap_are_refused(tmp_path):
    terms = np.ones((2, 3))
    write_frame(tmp_path / "shard0.parquet", frame_of([0.0, 0.0], terms, terms), {})
    frame = frame_of([0.0, 0.0], terms, terms).assign(image=[3, 4])
    write_frame(tmp_path / "shard1.parquet", frame, {})
    shards = [tmp_path / "shard0.parquet", tmp_path / "shard1.parquet"]
    with pytest.raises(DataError, match="4 of 5 images"):
        read_bound_terms(shards, 5)
    with pytest.raises(DataError, match="hold 4 of 4 images"):
        read_bound_terms(shards, 4)
