"""Eq. 13 in integers: frequencies are its masses, and any image can be coded."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import ndtr

from ddpm.compression.decoder import LEVELS, decoder_parameters, grey_levels
from ddpm.compression.range_code import StreamDecoder, StreamEncoder
from ddpm.compression.stack import Stack, initial_words


def frequencies(x_0_hat: float, variance: float) -> np.ndarray:
    """Of each level, in 2^-24, by the information that the coder counts for it."""
    bits = []
    for level in range(LEVELS):
        encoder = StreamEncoder()
        encoder.encode(
            np.array([level]), grey_levels(), *decoder_parameters(np.array([x_0_hat], np.float32), variance)
        )
        bits.append(encoder.bits)
    return 2.0 ** (24 - np.array(bits))


@settings(max_examples=30)
@given(x_0_hat=st.floats(-1, 1, width=32), deviation=st.floats(0.002, 2))
def test_frequencies_are_the_masses_of_equation_13(x_0_hat, deviation):
    found = frequencies(x_0_hat, deviation**2)
    level = np.arange(LEVELS) / 127.5 - 1
    upper = np.where(level > 0.999, np.inf, level + 1 / 255)
    lower = np.where(level < -0.999, -np.inf, level - 1 / 255)
    mass = ndtr((upper - x_0_hat) / deviation) - ndtr((lower - x_0_hat) / deviation)
    assert found.sum() == pytest.approx(2**24, rel=1e-6)
    assert (found > 0.99).all()
    # 256 frequencies are kept for the levels that are impossible.
    assert np.abs(found - 2**24 * mass).max() < 2 * LEVELS


@settings(max_examples=50)
@given(seed=st.integers(0, 2**32), variance=st.floats(1e-9, 100), worst=st.booleans())
def test_any_image_can_be_coded(seed, variance, worst):
    random = np.random.default_rng(seed)
    symbols = random.integers(0, 256, 20).astype(np.int32)
    x_0_hat = random.uniform(-1, 1, 20).astype(np.float32)
    if worst:
        symbols, x_0_hat = np.full(20, 255, np.int32), np.full(20, -1, np.float32)
    model = (grey_levels(), *decoder_parameters(x_0_hat, variance))
    encoder = StreamEncoder()
    encoder.encode(symbols, *model)
    assert encoder.bits <= 20 * 24.01
    stream = StreamDecoder(encoder.finish(), whole=True)
    assert stream.decode(20, *model).tolist() == symbols.tolist()
    stack = Stack(initial_words(0, 64), sealed=False)
    stack.push(symbols, *model)
    assert stack.pop(20, *model).tolist() == symbols.tolist()


def test_parameters_are_grey_levels():
    mean, deviation = decoder_parameters(np.array([[-1.0, 0.0], [1.0, 3 / 127.5 - 1]], np.float32), 0.04)
    assert mean == pytest.approx([0, 127.5, 255, 3], abs=1e-5)
    assert deviation == pytest.approx([25.5] * 4)
