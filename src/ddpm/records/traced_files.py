"""Arrays (.npz) and frames (.parquet) that carry their provenance with them."""

from __future__ import annotations

import hashlib
import json
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from ddpm.errors import DataError
from ddpm.records.files import atomic_path
from ddpm.records.reading import require_readable

Provenance = Mapping[str, Any]
_KEY = "provenance"
_HASH = b"content_sha256"


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
    require_readable(path, DataError, f"no such file; make it with `snakemake {path}`")
    try:
        with np.load(path, allow_pickle=False) as archive:
            wanted = names or tuple(name for name in archive.files if name != _KEY)
            return {name: archive[name] for name in wanted}
    except (OSError, zipfile.BadZipFile, ValueError, EOFError, KeyError) as error:
        raise _unreadable(path, "array", error) from error


def write_frame(path: str | Path, frame: pd.DataFrame, provenance: Provenance) -> None:
    """Writes a frame and its provenance (JSON values) to Parquet, atomically."""
    write_table(path, pa.Table.from_pandas(frame, preserve_index=False), provenance)


def write_table(path: str | Path, table: pa.Table, provenance: Provenance) -> None:
    """Writes a table, its provenance (JSON values) and the hash of both to Parquet, atomically."""
    metadata = {**(table.schema.metadata or {}), _KEY.encode(): json.dumps(dict(provenance)).encode()}
    table = table.replace_schema_metadata(metadata)
    table = table.replace_schema_metadata({**metadata, _HASH: content_hash(table).encode()})
    with atomic_path(path) as temporary:
        pq.write_table(table, temporary, write_page_checksum=True)


def content_hash(table: pa.Table) -> str:
    """SHA-256 over a table's names, types, values and metadata.

    The checksums of Parquet's pages leave out its footer, where one altered bit can drop rows.
    """
    metadata = {key: value for key, value in (table.schema.metadata or {}).items() if key != _HASH}
    digest = hashlib.sha256(repr(sorted(metadata.items())).encode())
    for name, column in zip(table.schema.names, table.columns, strict=True):
        digest.update(f"{name}:{table.num_rows};".encode())
        _hash_column(digest, column.combine_chunks())
    return digest.hexdigest()


def _hash_column(digest: hashlib._Hash, column: pa.Array) -> None:
    # Parquet names the items of lists as it likes.
    digest.update(b"list" if pa.types.is_list(column.type) else str(column.type).encode())
    digest.update(column.is_null().to_numpy(zero_copy_only=False).tobytes())
    if pa.types.is_list(column.type):
        digest.update(pc.list_value_length(column).fill_null(0).to_numpy().tobytes())
        _hash_column(digest, column.flatten())
    elif pa.types.is_integer(column.type) or pa.types.is_floating(column.type):
        digest.update(column.fill_null(0).to_numpy(zero_copy_only=False).tobytes())
    else:
        digest.update(json.dumps(column.to_pylist(), default=str).encode())


def read_frame(path: str | Path) -> pd.DataFrame:
    """The frame of a Parquet file.

    Raises:
        DataError: the file is missing or damaged.
    """
    return read_table(path).to_pandas()


def read_table(path: str | Path, content: str = "file") -> pa.Table:
    """The table of a Parquet file, its checksums and hash verified; errors as for `read_frame`."""
    require_readable(path, DataError, f"no such {content}; run `snakemake {path}`")
    try:
        table = pq.read_table(path, page_checksum_verification=True)
        # A file of an earlier version has none.
        written = (table.schema.metadata or {}).get(_HASH)
        whole = written is None or written == content_hash(table).encode()
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        raise _unreadable(path, "Parquet", error) from error
    if not whole:
        raise DataError(f"{path}: differs from the hash written with it; delete it and run again")
    return table


def read_provenance(path: str | Path) -> dict[str, Any]:
    """The provenance of a file written by this module; empty if it carries none.

    Raises:
        DataError: the file is missing or damaged.
    """
    if Path(path).suffix == ".npz":
        return json.loads(str(read_arrays(path, _KEY)[_KEY]))
    require_readable(path, DataError, f"no such file; make it with `snakemake {path}`")
    try:
        metadata = pq.read_schema(path).metadata or {}
        return json.loads(metadata.get(_KEY.encode(), b"{}"))
    except (OSError, pa.ArrowException, ValueError, OverflowError) as error:
        raise _unreadable(path, "Parquet", error) from error


def _unreadable(path: str | Path, kind: str, error: Exception) -> DataError:
    return DataError(f"{path}: not a readable {kind} file ({error}); delete it and run again")
