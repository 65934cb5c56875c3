"""Arrays (.npz) and frames (.parquet) that carry their provenance with them."""

from __future__ import annotations

import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from ddpm.errors import DataError
from ddpm.records.files import atomic_path

Provenance = Mapping[str, Any]
_KEY = "provenance"


def write_arrays(path: str | Path, arrays: Mapping[str, np.ndarray], provenance: Provenance) -> None:
    """Writes named arrays and their provenance (JSON values) to an uncompressed .npz, atomically."""
    with atomic_path(path) as temporary, temporary.open("wb") as file:
        named: dict[str, Any] = {**arrays, _KEY: np.array(json.dumps(dict(provenance)))}
        np.savez(file, **named)


def read_arrays(path: str | Path, *names: str) -> dict[str, np.ndarray]:
    """The named arrays of an .npz file, or all of them but the provenance.

    Raises:
        DataError: the file is missing, damaged, or lacks one of the arrays.
    """
    try:
        with np.load(path, allow_pickle=False) as archive:
            wanted = names or tuple(name for name in archive.files if name != _KEY)
            return {name: archive[name] for name in wanted}
    except FileNotFoundError:
        raise DataError(f"{path}: no such file; make it with `snakemake {path}`") from None
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise _unreadable(path, "array", error) from error


def write_frame(path: str | Path, frame: pd.DataFrame, provenance: Provenance) -> None:
    """Writes a frame and its provenance (JSON values) to Parquet, atomically."""
    table = pa.Table.from_pandas(frame, preserve_index=False)
    metadata = {**(table.schema.metadata or {}), _KEY.encode(): json.dumps(dict(provenance)).encode()}
    with atomic_path(path) as temporary:
        pq.write_table(table.replace_schema_metadata(metadata), temporary, write_page_checksum=True)


def read_frame(path: str | Path) -> pd.DataFrame:
    """The frame of a Parquet file.

    Raises:
        DataError: the file is missing or damaged.
    """
    return read_table(path).to_pandas()


def read_table(path: str | Path, content: str = "file") -> pa.Table:
    """The table of a Parquet file, its checksums verified; errors as for `read_frame`."""
    try:
        return pq.read_table(path, page_checksum_verification=True)
    except FileNotFoundError:
        raise DataError(f"{path}: no such {content}; run `snakemake {path}`") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, "Parquet", error) from error


def read_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance of a file written by this module; empty if it carries none.

    Raises:
        DataError: the file is missing or damaged.
    """
    if Path(path).suffix == ".npz":
        return json.loads(str(read_arrays(path, _KEY)[_KEY]))
    try:
        metadata = pq.read_schema(path).metadata or {}
    except (OSError, pa.ArrowInvalid) as error:
        raise _unreadable(path, "Parquet", error) from error
    return json.loads(metadata.get(_KEY.encode(), b"{}"))


def _unreadable(path: str | Path, kind: str, error: Exception) -> DataError:
    return DataError(f"{path}: not a readable {kind} file ({error}); delete it and run again")
