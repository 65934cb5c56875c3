"""Whether a study's results are what was written: tables and the report made again, all else by its hash."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

from ddpm.artefacts.artefact import Figure, Table
from ddpm.artefacts.report.costs import costs_of
from ddpm.artefacts.report.page import report_page
from ddpm.artefacts.tables.table import build_table, table_files
from ddpm.data.store import manifest_path, read_images
from ddpm.errors import DDPMError
from ddpm.graph import layout
from ddpm.network.weights import read_weights
from ddpm.records.files import sha256
from ddpm.records.traced_files import read_arrays, read_table
from ddpm.study import Study

_READERS: dict[str, Callable[[Path], object]] = {
    ".parquet": read_table,
    ".npz": read_arrays,
    ".safetensors": read_weights,
}
# Folders of results that other verbs than those of tables and figures wrote.
_FOLDERS = ("features", "models", "samples", "chains", "neighbours", "likelihood", "measurements")


def verify(study: Study) -> Iterator[tuple[str, str]]:
    """Checks every file of a study that is there: its path, and what is wrong with it, or ""."""
    yield from _datasets(study)
    yield from _results(study)
    for artefact in study.artefacts.definitions:
        if isinstance(artefact, Table):
            yield from _table(study, artefact.name)
        elif isinstance(artefact, Figure):
            yield from _figure(study, artefact.name)
    report = layout.path(layout.REPORT, study.name)
    if report.exists():
        # The times in it are of one run, and their files are not kept with the results.
        costs = costs_of(report.read_text(encoding="utf-8", errors="replace"))
        try:
            yield _compared(report, report_page(study, costs))
        except DDPMError as error:
            yield str(report), str(error)


def _datasets(study: Study) -> Iterator[tuple[str, str]]:
    for dataset in study.datasets:
        if manifest_path(study, dataset).exists():
            for split, pattern in (("train", layout.TRAIN_IMAGES), ("test", layout.TEST_IMAGES)):
                path = layout.path(pattern, study.name, dataset=dataset)
                yield str(path), _reason(read_images, study, dataset, split)


def _results(study: Study) -> Iterator[tuple[str, str]]:
    home = Path(layout.home(study.name))
    for folder in _FOLDERS:
        for path in sorted(home.joinpath(folder).rglob("*")):
            # The state of a run has checks of its own, and a damaged one falls back to the one before.
            if path.is_file() and path.suffix in _READERS and "state" not in path.parts:
                yield str(path), _reason(_READERS[path.suffix], path)


def _reason(read: Callable[..., object], *arguments: object) -> str:
    """Why a file cannot be read; "" if it can."""
    try:
        read(*arguments)
    except (DDPMError, OSError) as error:
        return str(error)
    return ""


def _table(study: Study, name: str) -> Iterator[tuple[str, str]]:
    paths = [path for path in table_files(study, name) if path.exists()]
    if not paths:
        return
    try:
        built = build_table(study, name)
    except DDPMError as error:
        yield str(paths[0]), str(error)
        return
    for path, content in table_files(study, name, built).items():
        if path.exists():
            yield _compared(path, content)


def _compared(path: Path, content: str) -> tuple[str, str]:
    same = path.read_bytes() == content.encode()
    remedy = f"delete it and run `snakemake {path}`"
    return str(path), "" if same else f"{path}: is not what its sources give; {remedy}"


def _figure(study: Study, name: str) -> Iterator[tuple[str, str]]:
    """The drawings against the hashes in the figure's trace, and what it was drawn from too."""
    trace = layout.path(layout.FIGURE_TRACE, study.name, figure=name)
    if not trace.exists():
        return
    try:
        content = json.loads(trace.read_text(encoding="utf-8"))
        inputs = {entry["path"]: entry["sha256"] for entry in content["inputs"]}
        drawn = dict(content["drawn"])
    except (ValueError, KeyError, TypeError, AttributeError):
        yield str(trace), f"{trace}: damaged, or of an earlier version; delete it and run `snakemake {trace}`"
        return
    for path, digest in drawn.items():
        if Path(path).exists():
            same = sha256(path) == digest
            yield path, "" if same else f"{path}: is not what was drawn; delete it and run `snakemake {path}`"
    for path, digest in inputs.items():
        if Path(path).exists() and sha256(path) != digest:
            yield str(trace), f"{path}: has changed since {name} was drawn; run `snakemake {trace}`"
