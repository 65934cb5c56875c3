"""Where a figure came from: its settings, the commit, and every input with its hash and provenance."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from ddpm.errors import DataError
from ddpm.files import sha256
from ddpm.measurements import SCHEMA, read_measurements
from ddpm.provenance import git_commit
from ddpm.study.dependencies import artefact_inputs
from ddpm.study.fingerprint import artefact_fingerprint
from ddpm.study.settings import Study
from ddpm.traced_files import read_provenance

_TRACED = (
    "study",
    "model",
    "training_seed",
    "sampling_seed",
    "status",
    "settings",
    "git_commit",
    "data_hash",
    "weights_hash",
    "hardware",
)


def figure_trace(study: Study, figure: str) -> dict[str, Any]:
    """The trace of a figure, as JSON values.

    Raises:
        DataError: an input is missing or damaged.
    """
    inputs = artefact_inputs(study, figure)
    return {
        "figure": figure,
        "study": study.name,
        "title": study.title,
        "settings": artefact_fingerprint(study, figure),
        "git_commit": git_commit(),
        "inputs": [_input(role, path) for role, paths in inputs.items() for path in paths],
    }


def _input(role: str, path: str) -> dict[str, Any]:
    try:
        content = sha256(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error}); build it again") from error
    return {"role": role, "path": path, "sha256": content, "provenance": _provenance(path)}


def _provenance(path: str) -> dict[str, Any]:
    if Path(path).suffix not in (".npz", ".parquet"):
        return {}
    if Path(path).suffix == ".parquet" and pq.read_schema(path).names == SCHEMA.names:
        return _distinct(path, _TRACED)
    return read_provenance(path)


def _distinct(path: str, columns: Sequence[str]) -> dict[str, list[Any]]:
    """The distinct values of columns of measurements, sorted; seeds as numbers, the rest as text."""
    rows = read_measurements([path])
    values = {column: rows[column].dropna().unique().tolist() for column in columns}
    return {column: sorted(found) for column, found in values.items()}
