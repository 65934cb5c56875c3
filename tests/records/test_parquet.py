"""Parquet files: whole numbers stay whole, and damage anywhere in a file is noticed."""

import dataclasses
import math
import random

import numpy as np
import pandas as pd
import pytest

from ddpm.errors import DataError
from ddpm.records.measurements import Measurement, read_measurements, write_measurements
from ddpm.records.traced_files import read_frame, write_frame

FLIPS = 400
LARGE = 2**63 - 1


def rows() -> list[Measurement]:
    known = {"protocol": "p", "status": "trained", "settings": "s", "git_commit": "g", "hardware": "h"}
    row = Measurement(
        study="s", model="m", metric="FID", value=3.5, n=2**53 + 1, training_seed=LARGE, **known
    )
    return [row, dataclasses.replace(row, training_seed=None, value=math.nan), dataclasses.replace(row, n=7)]


def frame() -> pd.DataFrame:
    terms = [np.arange(4, dtype=np.float32) * k for k in range(3)]
    return pd.DataFrame({"image": [0, 1, 2], "prior": [0.5, math.nan, 1.5], "terms": terms})


def test_whole_numbers_stay_whole_beside_missing_ones(tmp_path):
    path = tmp_path / "rows.parquet"
    write_measurements(path, rows())
    found = read_measurements([path])
    assert found["training_seed"].tolist() == [LARGE, pd.NA, LARGE]
    assert found["n"].tolist() == [2**53 + 1, 2**53 + 1, 7]


@pytest.mark.parametrize("kind", ["measurements", "frame"])
def test_an_altered_bit_is_noticed_or_changes_nothing(tmp_path, kind):
    """Parquet's own checksums leave out the footer: there a bit can drop rows, or replace a column."""
    path = tmp_path / "x.parquet"
    if kind == "measurements":
        write_measurements(path, rows())
        read = lambda: read_measurements([path])  # noqa: E731
    else:
        write_frame(path, frame(), {"settings": "s"})
        read = lambda: read_frame(path)  # noqa: E731
    content, whole, chance = path.read_bytes(), read(), random.Random(0)
    noticed = 0
    for _ in range(FLIPS):
        altered, bit = bytearray(content), chance.randrange(8 * len(content))
        altered[bit // 8] ^= 1 << bit % 8
        path.write_bytes(altered)
        try:
            found = read()
        except DataError:
            noticed += 1
        else:
            pd.testing.assert_frame_equal(found, whole, obj=f"bit {bit}")
    assert noticed > FLIPS / 10
