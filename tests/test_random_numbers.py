"""The counter-based generator: known answers, independence of layout, and distributions."""

import math

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from ddpm.random_numbers import Stream, derived_seed, integers, normal, permutation, philox

# Known answers of Philox4x32-10 (Random123's kat_vectors).
KNOWN = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]


@pytest.mark.parametrize(("counter", "key", "expected"), KNOWN)
def test_known_answers(counter, key, expected):
    assert philox(counter, key) == expected
    tensors = philox(tuple(torch.tensor([word]) for word in counter), key)
    assert tuple(int(word) for word in tensors) == expected


@given(
    seed=st.integers(0, 2**63 - 1),
    index=st.lists(st.integers(0, 2**32 - 1), min_size=1, max_size=20),
    cut=st.integers(0, 20),
    step=st.integers(0, 2**32 - 1),
)
def test_noise_depends_on_its_index_alone(seed, index, cut, step):
    """Bit for bit the same, alone or in company, in any order."""
    all_at_once = normal(seed, Stream.SAMPLING, torch.tensor(index), step, (3, 5, 5))
    for part in (slice(0, cut), slice(cut, None)):
        if index[part]:
            alone = normal(seed, Stream.SAMPLING, torch.tensor(index[part]), step, (3, 5, 5))
            assert torch.equal(alone, all_at_once[part])
    backwards = normal(seed, Stream.SAMPLING, torch.tensor(index[::-1]), step, (3, 5, 5))
    assert torch.equal(backwards.flip(0), all_at_once)


def test_a_step_for_each_index():
    index = torch.tensor([4, 4, 7])
    each = normal(1, Stream.BOUND, index, torch.tensor([0, 9, 9]), (6,))
    assert torch.equal(each[1:2], normal(1, Stream.BOUND, torch.tensor([4]), 9, (6,)))
    assert torch.equal(each[2:], normal(1, Stream.BOUND, torch.tensor([7]), 9, (6,)))


def test_seeds_streams_steps_and_indices_differ():
    draws = [
        normal(seed, stream, torch.tensor([index]), step, (4,))
        for seed in (0, 1, 2**40)
        for stream in (Stream.SAMPLING, Stream.BOUND)
        for index in (0, 1)
        for step in (0, 1)
    ]
    assert len({tuple(draw.flatten().tolist()) for draw in draws}) == len(draws)


def test_normal_distribution():
    """Moments within five standard errors, and no correlation between neighbours in index and pixel."""
    z = normal(0, Stream.SAMPLING, torch.arange(2000), 3, (1000,)).double()
    count = z.numel()
    assert float(z.mean()) == pytest.approx(0, abs=5 / count**0.5)
    assert float(z.square().mean()) == pytest.approx(1, abs=5 * (2 / count) ** 0.5)
    assert float((z**3).mean()) == pytest.approx(0, abs=5 * (15 / count) ** 0.5)
    assert float((z**4).mean()) == pytest.approx(3, abs=5 * (96 / count) ** 0.5)
    assert float((z[1:] * z[:-1]).mean()) == pytest.approx(0, abs=5 / count**0.5)
    assert float((z[:, 1:] * z[:, :-1]).mean()) == pytest.approx(0, abs=5 / count**0.5)
    assert bool(torch.isfinite(z).all())
    # Kolmogorov-Smirnov distance of two million draws: below 1.95 / sqrt(n) but once in a thousand.
    ordered = torch.sort(z.flatten()).values
    theory = 0.5 * (1 + torch.erf(ordered / math.sqrt(2)))
    steps = torch.arange(1, count + 1) / count
    assert float((theory - steps).abs().max()) < 1.95 / count**0.5


@given(high=st.integers(1, 1000), seed=st.integers(0, 1000))
def test_integers_stay_in_range(high, seed):
    draws = integers(seed, Stream.TIMESTEP, torch.arange(200), 5, high)
    assert int(draws.min()) >= 0
    assert int(draws.max()) < high


def test_integers_are_uniform():
    counts = torch.bincount(integers(0, Stream.TIMESTEP, torch.arange(100_000), 0, 10), minlength=10)
    chi_square = float(((counts - 10_000.0) ** 2 / 10_000).sum())
    assert chi_square < 27.9  # 9 degrees of freedom, one in a thousand


@given(size=st.integers(1, 300), step=st.integers(0, 10))
def test_permutation(size, step):
    order = permutation(7, Stream.BATCH_ORDER, step, size)
    assert sorted(order.tolist()) == list(range(size))


def test_derived_seeds():
    seeds = {derived_seed(seed, stream, step) for seed in (0, 1) for stream in Stream for step in range(10)}
    assert len(seeds) == 2 * len(Stream) * 10
    assert all(0 <= seed < 2**62 for seed in seeds)


def test_no_two_streams_share_a_number():
    assert len(Stream.__members__) == len({int(stream) for stream in Stream})
