"""Numbers are rows: every measurement is kept in Parquet with all that is needed to trace it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa

from ddpm.errors import DataError
from ddpm.records.traced_files import read_table, write_table

if TYPE_CHECKING:
    from ddpm.evaluation.protocol import Score

SCHEMA = pa.schema(
    [
        ("study", pa.string()),
        ("model", pa.string()),
        ("training_seed", pa.int64()),
        ("sampling_seed", pa.int64()),
        ("metric", pa.string()),
        ("split", pa.string()),
        ("value", pa.float64()),
        ("spread", pa.float64()),
        ("n", pa.int64()),
        ("reverse_steps", pa.int64()),
        ("protocol", pa.string()),
        ("status", pa.string()),
        ("settings", pa.string()),
        ("git_commit", pa.string()),
        ("data_hash", pa.string()),
        ("weights_hash", pa.string()),
        ("hardware", pa.string()),
    ]
)


@dataclasses.dataclass(frozen=True)
class Measurement:
    """One measured number.

    Attributes:
        study, model: names in the study file; reference rows use model "reference: ...".
        training_seed, sampling_seed: None where the number has no such seed.
        metric: IS, FID, KID, precision, recall, NLL, L_T, L_1:T-1, L_0, rate, distortion, RMSE.
        split: train or test; the set that the number was measured on or against.
        value: the number; NaN where there is none (see `status`). NLL and its parts are in
            bits/dim, RMSE in grey levels of [0, 255].
        spread: its standard deviation or error as `protocol` says; None where there is none.
        n: number of images that entered.
        reverse_steps: for x0-hat in the course of the reverse process, the steps taken (T - t + 1);
            None for finished samples and for the bound.
        protocol: how it was measured, in words.
        status: how training ended, as in `ddpm.records.status`; or "reference".
        settings: fingerprint of the settings that the number depends on.
        git_commit, data_hash, weights_hash, hardware: as in `ddpm.records.provenance`; SHA-256 hashes.
    """

    study: str
    model: str
    metric: str
    value: float
    n: int
    protocol: str
    status: str
    settings: str
    git_commit: str
    hardware: str
    split: str | None = None
    spread: float | None = None
    training_seed: int | None = None
    sampling_seed: int | None = None
    reverse_steps: int | None = None
    data_hash: str | None = None
    weights_hash: str | None = None


def measurements(scores: Iterable[Score], about: Mapping[str, Any]) -> list[Measurement]:
    """Rows for scores; `about` has the fields of a row that a score has not."""
    return [Measurement(**{**about, **dataclasses.asdict(score)}) for score in scores]


def write_measurements(
    path: str | Path, rows: Iterable[Measurement], provenance: Mapping[str, Any] = MappingProxyType({})
) -> None:
    """Writes rows to a Parquet file, atomically, with what is to be known of all of them (JSON values)."""
    write_table(
        path, pa.Table.from_pylist([dataclasses.asdict(row) for row in rows], schema=SCHEMA), provenance
    )


def read_measurements(paths: Iterable[str | Path]) -> pd.DataFrame:
    """All rows of several Parquet files as one frame, with the columns of SCHEMA.

    Seeds and n have pandas' nullable dtype Int64; missing text is None or NaN.

    Raises:
        DataError: a file is missing, is not Parquet, or has other columns.
    """
    tables = [_read(Path(path)) for path in paths]
    table = pa.concat_tables(tables) if tables else SCHEMA.empty_table()
    # Without it whole numbers beside missing ones become floats, which hold them up to 2^53 alone.
    return table.to_pandas(types_mapper={pa.int64(): pd.Int64Dtype()}.get)


def _read(path: Path) -> pa.Table:
    table = read_table(path, "measurements")
    if table.schema.names != SCHEMA.names:
        raise DataError(
            f"{path}: columns {table.schema.names} differ from {SCHEMA.names}; delete it, run again"
        )
    return table
