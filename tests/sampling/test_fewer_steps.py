"""Samples in fewer steps and with the other variance: noise, batches, and what stays as it was."""

import numpy as np
import pytest
from test_shards import SHAPE, TIMESTEPS, model  # noqa: F401

from ddpm.diffusion.process import GaussianDiffusion
from ddpm.diffusion.respacing import evenly_spaced
from ddpm.random_numbers import Stream, normal
from ddpm.sampling.shards import draw_shard
from ddpm.study.evaluation import SamplingSettings


def drawn(process, network, keep=(), **settings):
    given = SamplingSettings(**({"images": 7, "batch_size": 4, "batches_per_shard": 2} | settings))
    shards = [
        draw_shard(process, network, SHAPE, shard, given, 3, list(keep), "test")
        for shard in range(given.shards)
    ]
    return np.concatenate([shard.images for shard in shards])


def test_what_is_the_whole_process_stays_bit_for_bit(model):  # noqa: F811
    whole = drawn(*model)
    for override in (
        {"steps": TIMESTEPS},
        {"steps": list(range(1, TIMESTEPS + 1))},
        {"variance": "fixed_large"},
    ):
        np.testing.assert_array_equal(drawn(*model, **override), whole)


def test_another_variance_is_that_of_a_model_that_has_it(model):  # noqa: F811
    process, network = model
    small = GaussianDiffusion(process.beta.numpy(), process.prediction, "fixed_small")
    samples = drawn(*model, variance="fixed_small")
    np.testing.assert_array_equal(samples, drawn(small, network))
    assert (samples != drawn(*model)).mean() > 0.2


@pytest.mark.parametrize("steps", [1, 5, [2, 7, TIMESTEPS]])
def test_a_sample_does_not_depend_on_its_shard_or_the_number_of_samples(model, steps):  # noqa: F811
    whole = drawn(*model, images=19, batches_per_shard=5, steps=steps)
    np.testing.assert_array_equal(drawn(*model, images=19, batches_per_shard=1, steps=steps), whole)
    np.testing.assert_array_equal(drawn(*model, images=5, batches_per_shard=1, steps=steps), whole[:5])


def test_each_step_has_the_noise_of_its_time_in_the_whole_process(monkeypatch, model):  # noqa: F811
    asked = []

    def recorded(seed, stream, image, step, shape):
        asked.append((seed, stream, step))
        return normal(seed, stream, image, step, shape)

    monkeypatch.setattr("ddpm.sampling.shards.normal", recorded)
    drawn(*model, images=4, steps=4)
    times = evenly_spaced(TIMESTEPS, 4)
    assert asked == [(3, Stream.SAMPLING, step) for step in (TIMESTEPS, *reversed(times))]


def test_x_0_hat_is_kept_by_steps_that_are_taken(model):  # noqa: F811
    process, network = model
    given = SamplingSettings(images=4, batch_size=4, steps=3)
    shard = draw_shard(process, network, SHAPE, 0, given, 0, [1, 3], "test")
    assert shard.x0_hat.shape == (2, 4, *SHAPE)
    np.testing.assert_array_equal(shard.x0_hat[-1], shard.images)
