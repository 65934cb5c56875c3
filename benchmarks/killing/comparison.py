"""What two runs of a study must agree on, file by file, to the last bit.

Left out: logs, Snakemake's benchmark files, temporary files, the resumable state; and within files the
commit and the hardware, which say where a result was made and not what it is.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from ddpm.errors import DDPMError
from ddpm.network.weights import read_weights, weights_hash
from ddpm.traced_files import read_arrays, read_provenance

_ELSEWHERE = ("git_commit", "hardware")
_COMMIT = re.compile(rb"[0-9a-f]{40}(\+changes)?(?![0-9a-f])")
_SKIPPED = ("logs", "benchmarks")


def result_files(home: Path) -> list[Path]:
    """The results under a study's home, relative to it, sorted; temporary files and states are none."""
    files = (path.relative_to(home) for path in home.rglob("*") if path.is_file())
    return sorted(path for path in files if not _is_skipped(path))


def digests(home: Path) -> dict[str, str]:
    """A hash of the content of every result file, by its path relative to the study's home."""
    return {path.as_posix(): digest(home / path) for path in result_files(home)}


def digest(path: Path) -> str:
    """A hash of what a result file says; a file that cannot be read has that as its content."""
    try:
        content = _content(path)
    except (DDPMError, OSError, pa.ArrowException) as error:
        content = f"unreadable: {error}".encode()
    return hashlib.sha256(content).hexdigest()


def differences(expected: Mapping[str, str], found: Mapping[str, str]) -> list[str]:
    """One line for each file that is missing, of other content, or was not expected."""
    lines = [f"{name}: missing" for name in expected if name not in found]
    lines += [f"{name}: not made by the undisturbed run" for name in found if name not in expected]
    lines += [
        f"{name}: other content" for name in expected if found.get(name, expected[name]) != expected[name]
    ]
    return sorted(lines)


def _is_skipped(path: Path) -> bool:
    hidden = any(part.startswith(".") for part in path.parts)
    return hidden or path.parts[0] in _SKIPPED or any(part.startswith("state") for part in path.parts[:-1])


def _content(path: Path) -> bytes:
    if path.suffix == ".safetensors":
        tensors, provenance = read_weights(path)
        return _joined(weights_hash(tensors), _kept(provenance))
    if path.suffix == ".npz":
        arrays = read_arrays(path)
        parts = [
            (name, str(array.dtype), array.shape, hashlib.sha256(array.tobytes()).hexdigest())
            for name, array in arrays.items()
        ]
        return _joined(parts, _kept(read_provenance(path)))
    if path.suffix == ".parquet":
        provenance = read_provenance(path)
        table = pq.read_table(path, page_checksum_verification=True)
        columns = table.drop_columns([name for name in _ELSEWHERE if name in table.column_names])
        # repr of a float names its exact value, and NaN equals itself.
        return _joined(str(columns.schema.types), columns.to_pydict(), _kept(provenance))
    content = path.read_bytes()
    return _COMMIT.sub(b"commit", content) if path.suffix in (".csv", ".json", ".html", ".md") else content


def _joined(*parts: Any) -> bytes:
    return repr(parts).encode()


def _kept(provenance: Mapping[str, Any]) -> str:
    return json.dumps({key: provenance[key] for key in sorted(provenance) if key not in _ELSEWHERE})
