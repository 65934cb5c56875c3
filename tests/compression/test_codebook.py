"""Shared randomness: the table's values, keys that differ, and a rotation that is undone."""

import numpy as np
import pytest
import scipy.linalg
from hypothesis import given, settings
from hypothesis import strategies as st

from ddpm.compression import codebook as module
from ddpm.compression.codebook import ROWS, UNIT, WIDTH, codebook, gaussian_table, step_keys
from ddpm.compression.mixing import Mixing, walsh_hadamard


def test_table_is_a_normal_distribution():
    values = gaussian_table() / UNIT
    assert (values == -values[::-1]).all()
    assert (np.diff(values) >= 0).all()
    assert values.var() == pytest.approx(1, abs=1e-3)
    assert (values**4).mean() == pytest.approx(3, abs=0.01)


def test_table_of_other_arithmetic_is_refused(monkeypatch):
    monkeypatch.setattr(module, "_TABLE_SHA256", "0" * 64)
    with pytest.raises(RuntimeError, match="not that of the format"):
        gaussian_table()


def test_codebook_is_independent_standard_normal_numbers():
    book = codebook("cpu")
    values = book.columns.double().numpy()
    assert values.shape == (WIDTH, ROWS)
    assert abs(values.mean()) < 4 / values.size**0.5
    assert abs((values**2).mean() - 1) < 4 * (2 / values.size) ** 0.5 + 1e-4
    # 2,016 correlations of a standard error of 1 / 256, and those of a row with the next one.
    correlation = np.corrcoef(values)[np.triu_indices(WIDTH, 1)]
    assert np.abs(correlation).max() < 5 / ROWS**0.5
    assert abs((values[:, 1:] * values[:, :-1]).mean()) < 4 / values.size**0.5
    assert book.squares[9, 1234] == pytest.approx((values[:9, 1234] ** 2).sum(), rel=1e-6)
    assert (book.squares[0] == 0).all()
    assert (book.row(1234, 5) == np.rint(values[:5, 1234] * UNIT)).all()


def test_keys_of_images_and_steps_differ():
    first = step_keys(7, 2, 100)
    for other in (step_keys(8, 2, 100), step_keys(7, 3, 100)):
        assert (first.mixing.order != other.mixing.order).any()
        assert (first.mixing.signs != other.mixing.signs).any()
        assert first.arrivals != other.arrivals
        for mine, others in zip(first.starts_and_signs(5, 0), other.starts_and_signs(5, 0), strict=True):
            assert (mine != others).any()
    same = step_keys(7, 2, 100)
    assert (first.mixing.order == same.mixing.order).all()
    assert (first.candidates, first.arrivals) == (same.candidates, same.arrivals)


def test_starts_and_signs():
    starts, signs = step_keys(7, 2, 100).starts_and_signs(2000, 0)
    assert starts.min() >= 0
    assert starts.max() < ROWS
    assert len(np.unique(starts)) > 1900
    assert set(np.unique(signs)) == {-1, 1}
    assert abs(signs.mean()) < 4 / signs.size**0.5
    again, others = step_keys(7, 2, 100).starts_and_signs(3, 0), step_keys(7, 2, 100).starts_and_signs(3, 1)
    # A block's do not depend on how many there are; a round's are its own.
    assert (again[0] == starts[:3]).all()
    assert (again[1] == signs[:3]).all()
    assert (others[0] != again[0]).all()


@pytest.mark.parametrize("length", [1, 2, 8, 64])
def test_transform_against_scipy(length):
    rows = np.random.default_rng(0).integers(-(2**15), 2**15, (5, length)).astype(np.int32)
    assert (walsh_hadamard(rows) == rows @ scipy.linalg.hadamard(length)).all()


@settings(max_examples=30)
@given(dimensions=st.integers(1, 200), key=st.integers(0, 2**32 - 1))
def test_mixing_is_a_rotation(dimensions, key):
    mixing = step_keys(key, 1, dimensions).mixing
    assert sorted(mixing.order) == list(range(dimensions))
    assert set(mixing.signs) <= {-1, 1}
    assert dimensions % mixing.block == 0
    values = np.random.default_rng(key).standard_normal(dimensions).astype(np.float32)
    mixed = mixing.mix(values)
    assert np.linalg.norm(mixed) == pytest.approx(np.linalg.norm(values), rel=1e-5)
    integers = np.random.default_rng(key).integers(-(2**15), 2**15, dimensions).astype(np.int32)
    assert mixing.mix(mixing.unmix(integers, UNIT)) == pytest.approx(integers / UNIT, rel=1e-5, abs=1e-5)
    matrix = np.array([mixing.mix(row) for row in np.eye(dimensions, dtype=np.float32)])
    assert matrix @ matrix.T == pytest.approx(np.eye(dimensions), abs=1e-5)


def test_unmix_rounds_once():
    """The sum is one of integers: the result is the float32 next to it, whatever the machine adds first."""
    random = np.random.default_rng(1)
    mixing = Mixing(random.permutation(48), random.choice([-1, 1], 48).astype(np.int32))
    values = random.integers(-(2**15), 2**15, 48).astype(np.int32)
    sums = np.kron(np.eye(3, dtype=int), scipy.linalg.hadamard(16)) @ values.astype(object)
    expected = np.empty(48, np.float32)
    expected[mixing.order] = [np.float32(int(a) / (UNIT * 4)) for a in sums * mixing.signs]
    assert (mixing.unmix(values, UNIT) == expected).all()


def test_mixing_spreads_an_error_at_one_place():
    values = np.zeros(64, np.float32)
    values[5] = 8
    assert np.abs(step_keys(1, 1, 64).mixing.mix(values)) == pytest.approx(np.ones(64))
