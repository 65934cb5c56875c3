"""Algorithms 3 and 4: what is sent comes back, alone or with others; prefixes are the sender's pictures."""

import functools

import numpy as np
import pytest
import torch
from code_models import DIMENSIONS, SHAPE, codec, diffusion, fitted, pixels

from ddpm.compression.codebook import step_keys
from ddpm.compression.index_code import IndexCode
from ddpm.compression.model import CodingModel
from ddpm.compression.progressive import Sent, next_latent, receive, send
from ddpm.data.scaling import to_pixels

STEPS = 5
IMAGES = pixels(6, seed=7)
KEYS = [11, 2**32 - 1, 0, 13, 14, 15]


def model(batch: int = 6) -> CodingModel:
    return codec("progressive", STEPS, batch).model


def codes() -> tuple[IndexCode, ...]:
    return fitted("progressive", STEPS).codes


@functools.cache
def sent() -> list[Sent]:
    return send(model(), codes(), IMAGES, KEYS)


@functools.cache
def pictures() -> np.ndarray:
    """x_0-hat of the sender after each step, uint8 [steps + 1, n, C, H, W]: with none, mid-grey."""
    found, coding = [np.full(IMAGES.shape, 127, np.uint8)], model()
    x, x_0_hat = np.zeros(IMAGES.shape, np.float32), np.zeros(IMAGES.shape, np.float32)
    x_0 = (IMAGES / np.float32(127.5) - 1).astype(np.float32)
    for step, transition in enumerate(coding.transitions):
        for i, image in enumerate(sent()):
            deviation = np.float32(transition.posterior_variance**0.5)
            # x_s is the mean of q and its noise: known without the receiver's way to it.
            q_mean = np.float32(transition.c_0) * x_0[i] + np.float32(transition.c_r) * x[i]
            x[i] = q_mean + deviation * image.noise[step]
        x_0_hat = coding.predict_x_0(x, coding.schedule.times[step])
        found.append(to_pixels(torch.from_numpy(x_0_hat)).numpy())
    return np.array(found)


def received(streams, keys=KEYS, **options):
    return receive(model(), codes(), streams, keys, SHAPE, **options)


def test_images_come_back():
    found = received([image.stream for image in sent()])
    assert all((image.x_0 == wanted).all() for image, wanted in zip(found, IMAGES, strict=True))
    assert [image.steps for image in found] == [STEPS] * 6


@pytest.mark.parametrize("steps", range(1, STEPS + 1))
def test_steps_give_the_senders_pictures(steps):
    for image, wanted in zip(
        received([image.stream for image in sent()], steps=steps), pictures()[steps], strict=True
    ):
        assert image.x_0 is None
        assert image.steps == steps
        # The sender's latents were worked out in another order of float32 here.
        assert np.abs(image.x_0_hat.astype(int) - wanted).max() <= 1


def test_the_receivers_latents_are_the_senders_to_the_bit():
    """By the candidates of the indices that were sent."""
    coding = model()
    x = np.zeros(IMAGES.shape, np.float32)
    x_0_hat = np.zeros(IMAGES.shape, np.float32)
    for step, transition in enumerate(coding.transitions):
        for i, image in enumerate(sent()):
            scale = np.float32(transition.c_0 / transition.variance**0.5)
            mean = scale * (IMAGES[i] / np.float32(127.5) - 1 - x_0_hat[i])
            z = image.noise[step] * np.float32(transition.rho2**0.5) + mean
            unit = step_keys(KEYS[i], step, DIMENSIONS).mixing.mix(z.reshape(-1)) * 4096
            # Mixed candidates are whole numbers of the table.
            assert unit == pytest.approx(np.rint(unit), abs=0.05)
            x[i] = next_latent(transition, x[i], x_0_hat[i], z)
        x_0_hat = coding.predict_x_0(x, coding.schedule.times[step])


def test_prefixes_give_the_pictures_of_whole_steps():
    stream, after = sent()[0].stream, sent()[0].after
    assert list(after) == sorted(after)
    whole = [received([stream], KEYS[:1], steps=steps)[0].x_0_hat for steps in range(1, STEPS + 1)]
    whole = [received([b""], KEYS[:1], whole=[False])[0].x_0_hat, *whole]
    assert set(np.unique(whole[0])) <= {127, 128}
    previous = 0
    for length in range(len(stream)):
        [image] = received([stream[:length]], KEYS[:1], whole=[False])
        assert (image.x_0_hat == whole[image.steps]).all()
        assert image.x_0 is None or (image.x_0 == IMAGES[0]).all()
        # All that the bytes hold: steps that ended with a byte to spare, and none that begin after them.
        assert image.steps >= sum(bits <= 8 * length - 16 for bits in after[:-1])
        assert image.steps <= sum(bits <= 8 * length + 1 for bits in after[:-1])
        assert image.steps >= previous
        previous = image.steps
    assert previous == STEPS


def test_streams_do_not_depend_on_the_images_beside_them():
    coding, alone = model(), [image.stream for image in sent()]
    order = [4, 1, 5]
    some = send(coding, codes(), IMAGES[order], [KEYS[i] for i in order])
    assert [image.stream for image in some] == [alone[i] for i in order]
    many = send(coding, codes(), np.concatenate([pixels(9, seed=1), IMAGES]), [*range(100, 109), *KEYS])
    assert [image.stream for image in many[9:]] == alone
    for i in range(6):
        [image] = received([alone[i]], [KEYS[i]])
        assert (image.x_0 == IMAGES[i]).all()
    back = received([alone[i] for i in order], [KEYS[i] for i in order])
    assert all((image.x_0 == IMAGES[i]).all() for image, i in zip(back, order, strict=True))
    # One that ends early, in the midst.
    mixed = received([alone[0][:2], alone[1], b""], KEYS[:3], whole=[False, True, False])
    assert (mixed[1].x_0 == IMAGES[1]).all()
    assert mixed[0].steps < STEPS
    assert mixed[2].steps == 0


def test_another_key_is_another_noise():
    [other] = send(model(), codes(), IMAGES[:1], [12])
    assert np.abs(np.corrcoef(other.noise.ravel(), sent()[0].noise.ravel())[0, 1]) < 0.4
    [wrong] = received([sent()[0].stream], [12])
    assert wrong.x_0 is None or (wrong.x_0 != IMAGES[0]).any()


@functools.cache
def many() -> tuple[list[Sent], np.ndarray]:
    images = pixels(100, seed=3)
    return send(model(50), codes(), images, range(1000, 1100)), images


@pytest.mark.parametrize("step", range(STEPS))
def test_noise_is_standard_normal(step):
    """1,600 numbers a step: a standard error of 0.025 of the mean and of 0.035 of the variance."""
    noise = np.array([image.noise[step] for image in many()[0]])
    assert abs(noise.mean()) < 3 * 0.025
    assert abs(noise.var() - 1) < 3 * 0.036


def test_noise_along_the_error_is_that_of_q():
    """Where a search is too short or its weights are wrong, samples lie too near to p: noise against m."""
    numbers = []
    coding, (found, images) = model(50), many()
    for i, image in enumerate(found):
        direction = (images[i] / 127.5 - 1).reshape(-1)  # x_T: x_0-hat of nothing is 0.
        numbers.append(image.noise[0].reshape(-1) @ direction / np.linalg.norm(direction))
    assert abs(np.mean(numbers)) < 3 / 100**0.5
    assert coding.transitions[0].c_0 == pytest.approx(diffusion().alpha_bar[-1].item() ** 0.5)
    # All steps together: 8,000 numbers, a standard error of 0.011.
    everything = np.array([image.noise for image in found])
    assert abs(everything.mean()) < 0.05
    assert abs(everything.var() - 1) < 0.05


def test_account():
    for image in sent():
        assert sum(image.bits.values()) == pytest.approx(8 * len(image.stream))
        assert image.after[-1] == pytest.approx(sum(image.bits.values()) - image.bits["rounding"])
        assert image.after[-1] - image.after[-2] == pytest.approx(image.bits["x_0"])
        assert -32 < image.bits["rounding"] <= 16
        assert len(image.kl) == len(image.indices) == len(image.noise) == STEPS


def test_bits_are_those_of_the_channel():
    """Indices take the KL and the overhead of so many chunks, on average over images."""
    found, _ = many()
    kl = np.array([sum(image.kl) for image in found])
    spent = np.array([image.bits["indices"] for image in found])
    number = np.array([sum(map(len, image.indices)) for image in found])
    # A chunk costs 3.13 bits beyond its KL at 8 bits of it, 2.97 - 1 at 1 bit.
    assert 1 < (spent - kl).mean() / number.mean() < 3.5


def test_kl_is_what_the_schedule_expects():
    """Times go with their variances, coefficients and errors: the mean over images is that of the errors."""
    steps = DIMENSIONS * np.array(fitted("progressive", STEPS).schedule.kl[:-1])
    found = np.array([image.kl[1:] for image in many()[0]])
    error = found.std(axis=0) / len(found) ** 0.5
    # Grey levels end at 0 and 255, and x_0-hat at -1 and 1: the errors know nothing of that.
    assert (np.abs(found.mean(axis=0) - steps) < 3 * error + 0.05 * steps).all()


def test_told_of_each_network_call():
    told: list[int] = []
    send(model(), codes(), IMAGES[:3], KEYS[:3], told.append)
    assert told == [3] * STEPS
