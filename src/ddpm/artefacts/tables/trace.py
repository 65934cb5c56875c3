"""The trace of a table: one line for each measurement that entered a cell."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

# `cell_row` and `cell_column` are the table's row name and its CSV column.
COLUMNS = [
    *("cell_row", "cell_column", "study", "model", "metric", "split", "value", "spread", "n", "protocol"),
    *("status", "settings", "git_commit", "data_hash", "weights_hash", "training_seed", "sampling_seed"),
    "hardware",
]


def cell_trace(row: str, column: str, measurements: pd.DataFrame) -> pd.DataFrame:
    """The measurements of one cell under COLUMNS; those that `measurements` lacks are empty."""
    return measurements.assign(cell_row=row, cell_column=column).reindex(columns=COLUMNS)


def join(parts: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One trace from those of the cells."""
    parts = [part.astype(object) for part in parts if len(part)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=COLUMNS)
