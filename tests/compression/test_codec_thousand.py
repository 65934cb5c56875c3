"""Files that are cut off or altered anywhere: an image is the original, or it is not called so."""

import dataclasses
import functools

import numpy as np
import pytest
from code_models import DIMENSIONS, NAMES, codec, fitted, pixels

from ddpm.compression import codec as module
from ddpm.compression.codec import Codec, Compressed, Decompressed
from ddpm.compression.file_format import CodeFileError, read
from ddpm.compression.model import CodingModel

# Of each mode: the latents and the images of a call.
MODES = {"progressive": (2, 4), "archive": (2, 3)}
IMAGES = pixels(4, seed=21)
TRIES = 1000


@functools.cache
def coding(mode: str) -> Codec:
    return codec(mode, *MODES[mode])


@functools.cache
def compressed(mode: str) -> Compressed:
    return coding(mode).compress(IMAGES, NAMES)


def decoded(mode: str, content: bytes, **options) -> Decompressed | None:
    """What comes out; None if the file is refused. An image that is called lossless must be the original."""
    try:
        file = read(content, "x")
    except CodeFileError:
        return None
    found = coding(mode).decompress(file, **options)
    assert len(found.images) == len(found.lossless) == len(found.steps) == len(IMAGES)
    for image, exact, steps, original in zip(found.images, found.lossless, found.steps, IMAGES, strict=True):
        assert image is None or (image.shape, image.dtype) == (original.shape, np.uint8)
        assert not exact or (image == original).all()
        assert (image is not None) == (exact if mode == "archive" else steps > 0)
    return found


@pytest.mark.parametrize("mode", MODES)
def test_images_come_back(mode):
    content = compressed(mode).content
    found = decoded(mode, content)
    assert found is not None
    assert found.lossless == (True,) * 4
    assert found.steps == (MODES[mode][0],) * 4
    header = read(content, "x").header
    assert (header.study, header.model, header.seed, header.schedule) == ("study", "model", 3, "schedule")
    assert (header.weights_hash, header.schedule_hash) == (NAMES.weights_hash, coding(mode).code.hash)
    assert (header.batch, header.shape) == (MODES[mode][1], IMAGES.shape[1:])
    assert header.conditions.startswith("torch ")
    assert header.conditions.isprintable()


@pytest.mark.parametrize("mode", MODES)
def test_account_is_the_file(mode):
    found = compressed(mode)
    assert sum(found.bits.values()) == pytest.approx(8 * len(found.content))
    assert found.bits["header"] == 8 * read(found.content, "x").header_bytes
    assert found.raw == 0
    assert len(found.sent) == (4 if mode == "progressive" else 0)


@pytest.mark.parametrize("mode", MODES)
def test_files_of_one_set_of_images_are_equal(mode):
    assert coding(mode).compress(IMAGES, NAMES).content == compressed(mode).content


@pytest.mark.parametrize("mode", MODES)
def test_random_prefixes(mode):
    """The first bytes of the file; those of the header alone are refused."""
    content, random = compressed(mode).content, np.random.default_rng(1)
    body = read(content, "x").header_bytes
    lengths = np.concatenate([random.integers(0, body, 20), random.integers(body, len(content), TRIES - 20)])
    for length in lengths:
        assert (decoded(mode, content[:length]) is None) == (length < body)


def test_longer_prefixes_have_more_images():
    content = compressed("progressive").content
    body = read(content, "x").header_bytes
    exact = []
    for length in range(body, len(content) + 1):
        found = decoded("progressive", content[:length])
        assert found is not None
        exact.append(sum(found.lossless))
    assert exact == sorted(exact)
    assert (exact[0], exact[-1]) == (0, 4)


@pytest.mark.parametrize("mode", MODES)
def test_random_corruptions(mode):
    """One byte of the file is another."""
    content, random = compressed(mode).content, np.random.default_rng(2)
    body, lossless = read(content, "x").header_bytes, []
    for number in range(TRIES):
        # Most of them in the body, which is shorter than the header.
        place = random.integers(0, body) if number < 30 else random.integers(body, len(content))
        damaged = bytearray(content)
        damaged[place] ^= int(random.integers(1, 256))
        found = decoded(mode, bytes(damaged))
        assert (found is None) == (place < body)
        if found is not None:
            assert not read(bytes(damaged), "x").intact
            lossless.append(sum(found.lossless))
    # An altered byte costs the images whose bits it is among, and no others.
    assert min(lossless) >= (3 if mode == "progressive" else 1)
    assert min(lossless) < 4


@pytest.mark.parametrize("mode", MODES)
def test_random_truncations(mode):
    """Bytes are missing in the midst, so that all after them lie elsewhere."""
    content, random = compressed(mode).content, np.random.default_rng(3)
    body = read(content, "x").header_bytes
    for _ in range(TRIES):
        first, last = np.sort(random.integers(body if random.random() < 0.9 else 0, len(content), 2))
        found = decoded(mode, content[:first] + content[last + 1 :])
        assert found is None or first >= body


def test_random_bodies():
    for mode in MODES:
        content, random = compressed(mode).content, np.random.default_rng(4)
        body = read(content, "x").header_bytes
        for _ in range(50):
            found = decoded(mode, content[:body] + random.bytes(len(content) - body))
            assert found is not None
            assert not any(found.lossless)


def test_first_bytes_and_steps_of_each_image():
    file, coder = read(compressed("progressive").content, "x"), coding("progressive")
    before = [0] * 4
    pictures = {steps: coder.decompress(file, steps=steps).images for steps in (1, 2)}
    for most in range(max(file.header.lengths) + 1):
        found = coder.decompress(file, most_bytes=most)
        assert all(now >= then for now, then in zip(found.steps, before, strict=True))
        before = list(found.steps)
        for i, (image, exact, steps) in enumerate(
            zip(found.images, found.lossless, found.steps, strict=True)
        ):
            assert exact == (most >= file.header.lengths[i]) or (exact and (image == IMAGES[i]).all())
            if steps and not exact:
                assert (image == pictures[steps][i]).all()
    assert found.lossless == (True,) * 4
    few = coder.decompress(file, steps=1)
    assert few.steps == (1,) * 4
    assert not any(few.lossless)
    errors = [np.abs(np.array(pictures[n]).astype(float) - IMAGES).mean() for n in (1, 2)]
    assert errors == sorted(errors, reverse=True)


def test_images_are_coded_in_groups(monkeypatch):
    monkeypatch.setattr(module, "_GROUP", 3)
    assert coding("progressive").compress(IMAGES, NAMES).content == compressed("progressive").content
    found = decoded("progressive", compressed("progressive").content)
    assert found is not None
    assert all(found.lossless)


@pytest.mark.parametrize("mode", MODES)
def test_other_arithmetic(mode, monkeypatch):
    """A network that answers a little otherwise: pictures in progressive mode, and no wrong original."""
    predict = CodingModel.predict_x_0
    monkeypatch.setattr(CodingModel, "predict_x_0", lambda *given: predict(*given) + np.float32(1e-3))
    found = decoded(mode, compressed(mode).content)
    assert found is not None
    assert not all(found.lossless)
    if mode == "progressive":
        errors = np.abs(np.array(found.images).astype(float) - IMAGES).mean(axis=(1, 2, 3))
        assert (errors < 20).all()


def test_a_last_bit_is_other_arithmetic_for_an_archive_and_not_for_latents(monkeypatch):
    """The latents of progressive mode are looked up: rounding does not spread."""
    before = coding("progressive").decompress(read(compressed("progressive").content, "x"), steps=2)
    predict = CodingModel.predict_x_0
    monkeypatch.setattr(CodingModel, "predict_x_0", lambda *given: predict(*given) * np.float32(1 + 1e-6))
    after = coding("progressive").decompress(read(compressed("progressive").content, "x"), steps=2)
    for one, other in zip(before.images, after.images, strict=True):
        assert np.abs(one.astype(int) - other).max() <= 1


def test_two_equal_images():
    images = np.repeat(IMAGES[:1], 3, axis=0)
    for mode in MODES:
        file = read(coding(mode).compress(images, NAMES).content, "x")
        found = coding(mode).decompress(file)
        assert found.lossless == (True,) * 3
        assert all((image == images[0]).all() for image in found.images)


@pytest.mark.parametrize("mode", MODES)
def test_images_unlike_any_of_the_model(mode):
    random = np.random.default_rng(0)
    images = random.integers(0, 256, (5, *IMAGES.shape[1:])).astype(np.uint8)
    images[0], images[1] = 0, 255
    found = coding(mode).compress(images, NAMES)
    back = coding(mode).decompress(read(found.content, "x"))
    assert back.lossless == (True,) * 5
    assert all((image == wanted).all() for image, wanted in zip(back.images, images, strict=True))
    assert sum(found.bits.values()) > 5 * DIMENSIONS * 6


@pytest.mark.parametrize("mode", MODES)
def test_told_of_each_network_call(mode):
    told: list[int] = []
    steps = MODES[mode][0]
    coder, content = coding(mode), compressed(mode).content
    coder.compress(IMAGES, NAMES, told.append)
    assert sum(told) == 4 * steps
    told.clear()
    coder.decompress(read(content, "x"), told=told.append)
    assert sum(told) == 4 * steps


def test_batches_of_a_file_decide_its_stacks():
    coder = dataclasses.replace(fitted("archive", 2))
    assert coder == coding("archive").code
    for batch in (1, 2, 9):
        other = codec("archive", 2, batch)
        file = read(other.compress(IMAGES, NAMES).content, "x")
        assert len(file.parts) == min(batch, 4)
        assert all(other.decompress(file).lossless)
