"""What is measured of a code: bits by part, rate and distortion latent by latent, other formats."""

import numpy as np
import pytest
from code_models import DIMENSIONS, NAMES, codec, pixels

from ddpm.compression import progressive
from ddpm.compression.model import CodingModel
from ddpm.errors import DataError
from ddpm.evaluation import coding
from ddpm.evaluation.rate_distortion import GREY_LEVELS

IMAGES = pixels(12, seed=5)


def measured(mode: str) -> tuple[coding.Coded, dict[str, float]]:
    found = coding.measured_code(codec(mode, 3, 4), IMAGES, NAMES, lambda _: None)
    return found, {score.metric: score.value for score in found.scores}


def test_parts_of_a_progressive_code_are_the_whole():
    found, bits = measured("progressive")
    parts = ("coded chunk counts", "coded indices", "coded x_0", "coded rounding")
    assert sum(bits[part] for part in parts) == pytest.approx(bits["coded bits"])
    assert 0 < bits["coded ideal bits"] < bits["coded bits"]
    assert bits["coded latents"] == 3 == len(found.times) == len(found.latents)
    assert bits["coded header"] > 8 * 8 / DIMENSIONS
    [whole] = [score for score in found.scores if score.metric == "coded bits"]
    assert whole.n == 12
    assert 0 < whole.spread < whole.value
    assert "all 12 images decoded" in whole.protocol


def test_rate_and_distortion_are_those_of_the_streams():
    found, bits = measured("progressive")
    rates = [rate.value for rate, _ in found.latents]
    errors = [error.value for _, error in found.latents]
    assert rates == sorted(rates)
    assert errors == sorted(errors, reverse=True)
    assert found.times == sorted(found.times, reverse=True)
    assert rates[-1] + bits["coded x_0"] + bits["coded rounding"] == pytest.approx(bits["coded bits"])
    # As the receiver sees them.
    coder = codec("progressive", 3, 4)
    sent = progressive.send(coder.model, coder.code.codes, IMAGES, range(12))
    for steps in (1, 2, 3):
        back = progressive.receive(
            coder.model, coder.code.codes, [image.stream for image in sent], range(12), (1, 4, 4), steps=steps
        )
        pictures = np.stack([image.x_0_hat for image in back]).astype(float)
        assert all(
            (image.pictures[steps - 1] == one.x_0_hat).all() for image, one in zip(sent, back, strict=True)
        )
        error = np.square(pictures - IMAGES).mean() ** 0.5
        # Pictures are rounded to grey levels, errors are not.
        assert abs(error - GREY_LEVELS * np.mean([image.errors[steps - 1] for image in sent]) ** 0.5) < 0.3


def test_pictures_of_the_first_images_alone_are_kept():
    found, _ = measured("progressive")
    assert found.pictures.shape == (3, coding.WATCHED, 1, 4, 4)
    assert found.pictures.dtype == np.uint8
    assert found.rates.shape == (3, coding.WATCHED)
    assert (np.diff(found.rates, axis=0) >= 0).all()


def test_an_archive_has_no_pictures_on_the_way():
    found, bits = measured("archive")
    assert (found.times, found.latents) == ([], [])
    assert found.pictures.shape == (0, 0, 1, 4, 4)
    assert bits["coded bits"] == pytest.approx(bits["coded images"] + bits["coded rounding"])
    assert bits["coded initial bits"] > 0
    assert "coded ideal bits" not in bits


@pytest.mark.parametrize("mode", ["progressive", "archive"])
def test_images_that_do_not_come_back_are_no_measurement(mode, monkeypatch):
    predict, calls = CodingModel.predict_x_0, []

    def other_each_time(*given):
        calls.append(1)
        return predict(*given) + np.float32(1e-3 * len(calls))

    monkeypatch.setattr(CodingModel, "predict_x_0", other_each_time)
    with pytest.raises(DataError, match=r"model, schedule schedule: images \[.*do not come back to the bit"):
        measured(mode)


def test_other_formats():
    flat = np.full((3, 3, 8, 8), 9, np.uint8)
    noise = np.random.default_rng(0).integers(0, 256, (3, 3, 8, 8)).astype(np.uint8)
    for few, many in zip(coding.yardstick_scores(flat), coding.yardstick_scores(noise), strict=False):
        assert few.metric == many.metric
        assert 0 < few.value < many.value
    found = {score.metric: score for score in coding.yardstick_scores(noise)}
    assert found["PNG"].value > 8
    assert found["PNG"].n == 3
