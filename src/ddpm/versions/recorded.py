"""The fingerprint of its settings that a result carries.

Libraries are loaded when a file is read: an ordinary start of the workflow reads none.
"""

from __future__ import annotations

import json
import struct
from pathlib import Path
from typing import Any

from ddpm.errors import DataError

UNREADABLE = "unreadable"


def recorded_settings(path: str) -> str | None:
    """The fingerprint in a result file; None for one that carries none, UNREADABLE for a damaged one."""
    reader = _READERS.get(Path(path).suffix)
    if reader is None:
        return None
    try:
        return reader(path)
    except (OSError, ValueError, KeyError, TypeError, struct.error, DataError):
        return UNREADABLE


def recorded_inputs(path: str) -> list[str] | None:
    """The files that a figure's trace says it was drawn from; None for another file."""
    content = _json(path) if Path(path).suffix == ".json" else {}
    inputs = content.get("inputs")
    return None if inputs is None else [entry["path"] for entry in inputs]


def _json(path: str) -> dict[str, Any]:
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _of_json(path: str) -> str | None:
    return _json(path).get("settings")


def _of_arrays(path: str) -> str | None:
    from ddpm.traced_files import read_provenance

    return read_provenance(path).get("settings")


def _of_parquet(path: str) -> str | None:
    import pyarrow.parquet as pq

    from ddpm.measurements import SCHEMA
    from ddpm.traced_files import read_provenance

    if pq.read_schema(path).names != SCHEMA.names:
        return read_provenance(path).get("settings")
    found = set(pq.read_table(path, columns=["settings"])["settings"].to_pylist())
    return found.pop() if len(found) == 1 else UNREADABLE


def _of_weights(path: str) -> str | None:
    """The header alone: 8 bytes of its length, then JSON (the safetensors format)."""
    with open(path, "rb") as file:
        (length,) = struct.unpack("<Q", file.read(8))
        metadata = json.loads(file.read(min(length, Path(path).stat().st_size))).get("__metadata__", {})
    return json.loads(metadata.get("provenance", "{}")).get("settings")


_READERS = {
    ".json": _of_json,
    ".npz": _of_arrays,
    ".parquet": _of_parquet,
    ".safetensors": _of_weights,
}
