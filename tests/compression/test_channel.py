"""What is received has the distribution that was meant, and its number the length that theory gives."""

import functools
import math

import numpy as np
import pytest
import scipy.stats
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.compression.channel import (
    MOST_CANDIDATES,
    candidates,
    choose_candidates,
    chunks,
    gaussian_kl_bits,
)
from ddpm.compression.codebook import ROWS, UNIT, WIDTH, codebook, step_keys

SIZE, RHO2 = 9, 0.8
# KL of a chunk, how many are sent, and the bits that an index then takes on average (the schedule's costs).
LENGTHS = {0.5: (400, 2.11), 2.0: (400, 4.35), 8.0: (150, 11.13)}


def mean_of(kl: float, number: int) -> np.ndarray:
    """m of a random direction for which the chunk has this KL, bits."""
    spread = SIZE * (RHO2 - 1 - math.log(RHO2))
    direction = np.random.default_rng(number).standard_normal(SIZE)
    return (direction / np.linalg.norm(direction) * (2 * math.log(2) * kl - spread) ** 0.5).astype(np.float32)


@functools.cache
def sent(kl: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Indices of chunks; their noise along m, and across it, each of variance 1."""
    indices, along, across = [], [], []
    for number in range(LENGTHS[kl][0]):
        mean, keys = mean_of(kl, number), step_keys(number, 3, SIZE)
        index = choose_candidates(mean, RHO2, chunks(SIZE, 1), keys)
        z = keys.mixing.mix(candidates(index, chunks(SIZE, 1), keys))
        noise, direction = (z - mean) / RHO2**0.5, mean / np.linalg.norm(mean)
        other = np.roll(direction, 1) - direction * (np.roll(direction, 1) @ direction)
        indices.append(index[0])
        along.append(noise @ direction)
        across.append(noise @ other / np.linalg.norm(other))
    return np.array(indices), np.array(along), np.array(across)


@pytest.mark.parametrize("kl", LENGTHS)
def test_kl_of_the_test(kl):
    assert gaussian_kl_bits(mean_of(kl, 5), RHO2).sum() == pytest.approx(kl, rel=1e-5)
    q = torch.distributions.Normal(torch.from_numpy(mean_of(kl, 5)).double(), RHO2**0.5)
    p = torch.distributions.Normal(torch.zeros(SIZE).double(), 1.0)
    expected = torch.distributions.kl_divergence(q, p) / math.log(2)
    assert gaussian_kl_bits(mean_of(kl, 5), RHO2) == pytest.approx(expected.numpy(), rel=1e-6)


@pytest.mark.parametrize("kl", LENGTHS)
def test_noise_has_the_distribution_of_q(kl):
    _, *both = sent(kl)
    for noise in both:
        error = 1 / len(noise) ** 0.5
        assert abs(noise.mean()) < 3 * error
        assert abs(noise.var() - 1) < 3 * 2**0.5 * error
        assert scipy.stats.kstest(noise, "norm").pvalue > 0.001


@pytest.mark.parametrize("kl", LENGTHS)
def test_length_of_the_index(kl):
    """By the frequencies of magnitudes themselves, and the bits below the first."""
    magnitude = np.floor(np.log2(sent(kl)[0] + 1)).astype(int)
    share = np.bincount(magnitude) / len(magnitude)
    bits = magnitude - np.log2(share[magnitude])
    error = bits.std() / len(bits) ** 0.5
    assert bits.mean() == pytest.approx(LENGTHS[kl][1], abs=0.3 + 3 * error)
    # A sample of q has KL bits of information on its candidates at the least.
    assert bits.mean() > kl


def test_more_candidates_than_the_codebook_has_rows():
    """At 11 bits of KL a search goes over 8 rounds: their candidates are other ones, and right."""
    kl, noise, indices = 11.0, [], []
    for number in range(12):
        mean, keys = mean_of(kl, number), step_keys(number, 3, SIZE)
        index = choose_candidates(mean, RHO2, chunks(SIZE, 1), keys)
        z = keys.mixing.mix(candidates(index, chunks(SIZE, 1), keys))
        noise.append((z - mean) / RHO2**0.5)
        indices.append(index[0])
    assert max(indices) < 2**19
    found = np.array(noise)
    assert abs(found.mean()) < 3 / found.size**0.5
    assert abs((found**2).mean() - 1) < 3 * (2 / found.size) ** 0.5


@pytest.mark.parametrize("index", [0, 1, ROWS - 1, ROWS, MOST_CANDIDATES - 1])
def test_candidates_are_rows_of_the_codebook(index):
    """Row i + start, with the signs of its round; two blocks in the second chunk."""
    parts, keys, book = chunks(140, 2), step_keys(5, 1, 140), codebook("cpu").columns.double().numpy()
    assert [part.blocks for part in parts] == [((0, 0, 64), (1, 64, 70)), ((2, 70, 134), (3, 134, 140))]
    starts, signs = keys.starts_and_signs(4, index // ROWS)
    mixed = np.concatenate(
        [
            book[: last - first, (index + starts[block]) % ROWS] * signs[block, : last - first]
            for part in parts
            for block, first, last in part.blocks
        ]
    )
    z = candidates(np.array([index, index]), parts, keys)
    expected = keys.mixing.unmix(np.rint(mixed * UNIT).astype(np.int32), UNIT)
    assert (z == expected).all()


def test_chosen_candidate_is_the_likely_one():
    """The sender's weights are those of the receiver's candidates: with little room for luck z lies at m."""
    dimensions = 6
    keys, mean = step_keys(9, 1, dimensions), np.array([2.5, -1, 0, 1, 0, 0.5], np.float32)
    index = choose_candidates(mean, 0.3, chunks(dimensions, 1), keys)
    z = keys.mixing.mix(candidates(index, chunks(dimensions, 1), keys))
    # (z - m)^2 / rho2 is chi-squared with 6 degrees of freedom; that of any candidate is far above.
    assert ((z - mean) ** 2).sum() / 0.3 < scipy.stats.chi2.ppf(0.999, dimensions)


@pytest.mark.parametrize("threads", [1, 2])
def test_choice_is_the_same_in_every_run(threads):
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        found = [
            choose_candidates(mean_of(2.0, i), RHO2, chunks(SIZE, 2), step_keys(i, 3, SIZE)) for i in (0, 1)
        ]
    finally:
        torch.set_num_threads(before)
    assert [index.tolist() for index in found] == [
        choose_candidates(mean_of(2.0, i), RHO2, chunks(SIZE, 2), step_keys(i, 3, SIZE)).tolist()
        for i in (0, 1)
    ]
    assert found[0].tolist() != found[1].tolist()


def test_chunks_are_chosen_one_by_one():
    """Each chunk's arrival times and candidates are its own: equal chunks do not choose equal numbers."""
    dimensions = 90
    keys, mean = step_keys(2, 3, dimensions), np.full(dimensions, 1.2, np.float32)
    index = choose_candidates(mean, RHO2, chunks(dimensions, 10), keys)
    assert len(set(index.tolist())) == 10
    # No KL, no information: the first arrival is that of the first candidate.
    assert choose_candidates(0 * mean, 1.0, chunks(dimensions, 10), keys).tolist() == [0] * 10


@given(count=st.integers(1, 400), more=st.integers(0, 3000))
def test_chunks_have_each_dimension_once(count, more):
    dimensions = count + more
    found = chunks(dimensions, count)
    assert len(found) == count
    assert [part.first for part in found] == [0, *(part.last for part in found[:-1])]
    assert found[-1].last == dimensions
    lengths = {part.last - part.first for part in found}
    assert max(lengths) - min(lengths) <= 1
    blocks = [block for part in found for block in part.blocks]
    assert [number for number, *_ in blocks] == list(range(len(blocks)))
    assert [place for _, first, last in blocks for place in range(first, last)] == list(range(dimensions))
    assert all(0 < last - first <= WIDTH for _, first, last in blocks)
