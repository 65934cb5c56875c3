"""Results that several jobs made in shards, which must be of one model and of the same settings."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ddpm.errors import DataError
from ddpm.records.reading import require_readable
from ddpm.records.traced_files import read_provenance


def read_records(paths: Sequence[str | Path], settings: str, remedy: str) -> list[dict[str, Any]]:
    """The provenance of each shard.

    Args:
        paths: the shards, in order.
        settings: the fingerprint that each must have been made under.
        remedy: what error messages tell the user to do.

    Raises:
        DataError: a shard is missing or damaged, was made under other settings, or its weights, data or
            status are others than the first's.
    """
    for path in paths:
        require_readable(path, DataError, f"there is no such file; {remedy}")
    records = [read_provenance(path) for path in paths]
    for path, record in zip(paths, records, strict=True):
        if record.get("settings") != settings:
            raise DataError(f"{path}: was made under other settings than the study has now; {remedy}")
        for key in ("weights_hash", "data_hash", "status"):
            if record.get(key) != records[0].get(key):
                raise DataError(
                    f"{path}: {key} is {record.get(key)!r}, but {records[0].get(key)!r} in "
                    f"{Path(paths[0]).name}: the shards are of different models; delete both and {remedy}"
                )
    return records
