"""Whether results are of the study as it is: its settings and data, and a run's all of the same weights."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

from ddpm.data.store import manifest_path, read_manifest
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.records.measurements import read_measurements
from ddpm.records.traced_files import read_provenance
from ddpm.study import Study

# Results of the weights that a run is evaluated with; those of checkpoints are of other weights.
_OF_WEIGHTS = (
    *(layout.SAMPLES, layout.CHAINS, layout.BOUND_TERMS, layout.RATE_DISTORTION, layout.LIKELIHOOD_ROWS),
    *(layout.QUALITY_ROWS, layout.PROGRESSIVE_ROWS, layout.RESPACED_ROWS),
)


@dataclasses.dataclass(frozen=True)
class Origin:
    """What a result says of its origin; each the distinct values, of measurements over all rows."""

    settings: frozenset[str]
    data: frozenset[str]
    weights: frozenset[str]


def origin(path: str) -> Origin:
    """The origin of a result, without None and missing values.

    Raises:
        DataError: the file is missing or damaged.
    """
    keys = ("settings", "data_hash", "weights_hash")
    if layout.match(path)[0] in layout.MEASUREMENTS:
        rows = read_measurements([path])
        return Origin(*(frozenset(rows[key].dropna().astype(str)) for key in keys))
    provenance = read_provenance(path)
    return Origin(*(frozenset({str(provenance[key])} if provenance.get(key) else ()) for key in keys))


def require_current(study: Study, files: Iterable[str]) -> None:
    """Checks those of some files that carry a fingerprint, before a table or figure is made of them.

    Raises:
        DataError: a file is missing or damaged, was made under other settings or of other data than the study
            has now, or two files of a training run are of different weights.
    """
    weights: dict[tuple[str, str], tuple[str, frozenset[str]]] = {}
    for file in files:
        if (settings := result_fingerprint(study, file)) is None:
            continue
        found = origin(file)
        pattern, wildcards = layout.match(file)
        if found.settings - {settings}:
            reason = f"was made under other settings than {study.file} has now"
            raise DataError(f"{file}: {reason}; delete it and run `snakemake {file}`")
        if (data := _data_hash(study, wildcards)) and found.data - {data}:
            reason = "was made of other data than the study has now"
            raise DataError(f"{file}: {reason}; delete it and run `snakemake {file}`")
        if pattern in _OF_WEIGHTS and found.weights and "model" in wildcards:
            run = (wildcards["model"], wildcards["seed"])
            other, hashes = weights.setdefault(run, (file, found.weights))
            if hashes != found.weights:
                reason = f"is of other weights than {other}"
                raise DataError(f"{file}: {reason}; delete both and run `snakemake {file} {other}`")


def _data_hash(study: Study, wildcards: dict[str, str]) -> str | None:
    """The hash of the data set that a result is of; None where its manifest is not here."""
    dataset = wildcards.get("dataset")
    if "model" in wildcards:
        dataset = study.model(wildcards["model"]).dataset
    if dataset is None or not manifest_path(study, dataset).exists():
        return None
    return read_manifest(study, dataset)["data_hash"]
