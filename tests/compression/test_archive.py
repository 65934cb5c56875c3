"""Bits-back coding: lossless for any number of images and stacks, at the cost of the bound."""

import dataclasses
import math

import numpy as np
import pytest
import torch
from code_models import DIMENSIONS, NETWORK, SHAPE, TIMESTEPS, codec, diffusion, pixels

from ddpm.compression import archive as module
from ddpm.compression import fitting
from ddpm.compression.archive import Archived, archive, restore
from ddpm.compression.model import CodingModel
from ddpm.compression.stack import Stack, initial_words
from ddpm.data.scaling import to_model
from ddpm.diffusion.bound import bound_term, decoder_log_likelihood, prior_term
from ddpm.diffusion.process import at

STEPS = 4


def model(batch: int) -> CodingModel:
    return codec("archive", STEPS, batch).model


@pytest.mark.parametrize("batch", [1, 3, 8])
@pytest.mark.parametrize("count", [1, 2, 7, 20])
def test_images_come_back(count, batch, monkeypatch):
    """And with them the stacks: what is left of each are the initial words that were kept."""
    images, left = pixels(count, seed=count), []
    found = archive(model(batch), images)
    assert len(found.stacks) == min(batch, count)
    assert not found.raw.any()
    assert found.bits + found.rounding == 32 * sum(map(len, found.stacks))
    assert 0 <= found.rounding <= 32 * len(found.stacks)
    monkeypatch.setattr(module, "_opened", lambda words: left.append(Stack(words, sealed=True)) or left[-1])
    back = restore(model(batch), found, SHAPE)
    assert all((image == wanted).all() for image, wanted in zip(back, images, strict=True))
    words = [
        next(n for n in range(200) if stack.has_returned_to(initial_words(number, n)))
        for number, stack in enumerate(left)
    ]
    # And the word that seals each stack.
    assert found.initial_bits == 32 * sum(n + 1 for n in words)


def test_initial_bits_are_those_of_one_latent():
    """Not of all: q(x_r | x_s) needs no x_0, so that a latent's bits are there when it is popped."""
    found = archive(model(1), pixels(1, seed=0))
    latents = module._latents(model(1))
    assert found.initial_bits < DIMENSIONS * max(latent.q_bits for latent in latents) + 32 * 6


def test_latents_have_the_variances_of_their_steps():
    alpha_bar, coding, below = diffusion().alpha_bar.numpy(), model(1), 1.0
    for latent, transition in zip(module._latents(coding), reversed(coding.transitions), strict=True):
        assert latent.from_below == pytest.approx((alpha_bar[latent.t] / below) ** 0.5)
        assert (latent.q_deviation * latent.spacing) ** 2 == pytest.approx(1 - alpha_bar[latent.t] / below)
        assert (latent.p_deviation * latent.spacing) ** 2 == pytest.approx(transition.variance)
        assert min(latent.q_deviation, latent.p_deviation) == pytest.approx(8)
        below = alpha_bar[latent.t]
    assert [latent.t for latent in module._latents(coding)] == [*reversed(coding.schedule.times)]


@pytest.mark.parametrize(("batch", "window"), [(1, 0.5), (3, 3.0)])
def test_an_image_beyond_the_window_is_stored_as_it_is(batch, window, monkeypatch):
    images = pixels(9, seed=4)
    monkeypatch.setattr(module, "_P_WINDOW", window)
    found = archive(model(batch), images)
    assert found.raw.any()
    assert window < 1 or not found.raw.all()
    back = restore(model(batch), found, SHAPE)
    assert all((image == wanted).all() for image, wanted in zip(back, images, strict=True))
    if found.raw.all():
        assert found.bits - found.initial_bits == pytest.approx(9 * DIMENSIONS * 8, abs=96 * batch)


@pytest.mark.parametrize("words", [3, 4, 8, 16])
@pytest.mark.parametrize("batch", [1, 2])
def test_a_stack_that_runs_out_of_initial_bits(words, batch, monkeypatch):
    """What does not find its bits is stored as it is, and those on the stack already stay."""
    images = pixels(8, seed=5)
    monkeypatch.setattr(module, "_INITIAL_WORDS", words - 2 * DIMENSIONS)
    found = archive(model(batch), images)
    assert words > 4 or found.raw.any()
    back = restore(model(batch), found, SHAPE)
    assert all(
        image is not None and (image == wanted).all() for image, wanted in zip(back, images, strict=True)
    )


def test_stacks_are_shorter_than_the_images():
    images = pixels(60, seed=2)
    found = archive(model(1), images)
    # Of these images a pixel takes log2(0.1 * 127.5 * sqrt(2 pi e)) = 5.7 bits, and 0.1 for the brightness.
    assert 5.5 < (found.bits - found.initial_bits) / 60 / DIMENSIONS < 6.5


def test_bits_that_are_not_there():
    """A stack that is cut off at the bottom still has the images that lie on it."""
    images = pixels(20, seed=2)
    found = archive(model(2), images)
    cut = Archived((found.stacks[0][len(found.stacks[0]) // 2 :], found.stacks[1]), found.raw, 0, 0)
    back = restore(model(2), cut, SHAPE)
    right = [
        image is not None and (image == wanted).all() for image, wanted in zip(back, images, strict=True)
    ]
    assert right[1::2] == [True] * 10
    assert sum(right[::2]) in (3, 4, 5)
    assert right[::2] == sorted(right[::2], reverse=True)
    for words in (np.zeros(0, np.uint32), np.zeros(5, np.uint32), np.array([7], np.uint32)):
        broken = dataclasses.replace(found, stacks=(words, found.stacks[1]))
        back = restore(model(2), broken, SHAPE)
        assert all((image == wanted).all() for image, wanted in zip(back[1::2], images[1::2], strict=True))


def test_told_of_each_network_call():
    told: list[int] = []
    found = archive(model(2), pixels(3, seed=0), told.append)
    assert told == [1] * STEPS + [2] * STEPS
    told.clear()
    restore(model(2), found, SHAPE, told.append)
    assert told == [2] * STEPS + [1] * STEPS


def bound_bits(x_0: torch.Tensor) -> np.ndarray:
    """Eq. 5 of each image, bits: one x_t drawn from q(x_t | x_0) for each t."""
    process, generator = diffusion(), torch.Generator().manual_seed(1)
    total = prior_term(process, x_0)
    for t in range(TIMESTEPS):
        times = torch.full((len(x_0),), t)
        x_t = process.q_sample(x_0, times, torch.randn(x_0.shape, generator=generator))
        step = process.reverse_step(NETWORK(x_t, times), x_t, times, clip=True)
        total += bound_term(process, x_0, x_t, times, step)
    return DIMENSIONS * total.double().numpy()


def path_bits(x_0: torch.Tensor) -> np.ndarray:
    """Eq. 3 of each image, bits: -log2 p(x_T) - sum over t of log2 p(x_{t-1} | x_t) / q(x_t | x_{t-1})."""
    process, generator = diffusion(), torch.Generator().manual_seed(2)
    x, total = x_0, torch.zeros(len(x_0), dtype=torch.float64)
    for t in range(TIMESTEPS):
        times = torch.full((len(x_0),), t)
        beta = float(process.beta[t])
        q = torch.distributions.Normal((1 - beta) ** 0.5 * x, beta**0.5)
        x_t = q.loc + q.scale * torch.randn(x.shape, generator=generator)
        total += q.log_prob(x_t).double().flatten(1).sum(dim=1)
        step = process.reverse_step(NETWORK(x_t, times), x_t, times, clip=True)
        log_variance = at(process.log_variance_large, times, x)
        if t == 0:
            log_p = decoder_log_likelihood(x_0, step.mean, log_variance)
        else:
            log_p = torch.distributions.Normal(step.mean, (log_variance / 2).exp()).log_prob(x)
        total -= log_p.double().flatten(1).sum(dim=1)
        x = x_t
    total -= torch.distributions.Normal(0.0, 1.0).log_prob(x).double().flatten(1).sum(dim=1)
    return total.numpy() / math.log(2)


def test_cost_is_the_bound():
    """All T steps with the model's variances: the mean of Eq. 3, which is that of Eq. 5."""
    images = pixels(300, seed=9)
    x_0 = to_model(torch.from_numpy(images))
    bound, path = bound_bits(x_0), path_bits(x_0)
    coding = CodingModel(diffusion(), NETWORK, fitting.model_schedule(diffusion(), np.ones(TIMESTEPS)), 1)
    found = archive(coding, images)
    assert not found.raw.any()
    cost = (found.bits - found.initial_bits) / len(images)
    # Its own deviation is that of Eq. 3; and the length of the stack is one of whole words.
    error = math.hypot(bound.std(), path.std()) / len(images) ** 0.5
    assert path.mean() == pytest.approx(bound.mean(), abs=3 * error)
    assert cost == pytest.approx(bound.mean(), abs=3 * error + 64 / len(images))
    assert error < 0.01 * bound.mean()
