"""What a data set is packed from: whether it is there, and whether it has changed since.

Files that a rule fetches are its inputs, which Snakemake compares. Archives and folders of the user's own
are no inputs: they may be gone once they are packed, may lie elsewhere, and a folder's time says nothing of
the files in it. In their stead, the settings that Snakemake compares carry the name of a state of the files.
`ddpm data` records that name, and hashes by which the same content is known again whatever its times say.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.data import lsun_archive
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.fingerprint import dataset_fingerprint
from ddpm.graph.source_files import SourceFiles, is_fetched, require_source, source_files
from ddpm.records.files import write_text
from ddpm.resources.locating import require_obtainable
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.study.datasets import DatasetSettings

SPLITS = ("train", "test")


def data_settings(study: Study, dataset: str) -> str:
    """What a data set's files depend on: its settings, and the state of the files it is packed from.

    Raises:
        DataError: a folder or file cannot be read.
    """
    files, settings = _files_now(study.datasets[dataset]), dataset_fingerprint(study, dataset)
    if files is None:
        return settings
    state = _recorded_state(study, dataset, files)
    return f"{settings} {files.times if state is None else state}".strip()


def fetched_files(study: Study, dataset: str) -> list[str]:
    """The files of a data set that a rule fetches; what else it is packed from must be there, or be packed.

    Raises:
        StudyError: a folder or archive holds no images, and the data set is not packed.
        ResourceError: an archive is not there and cannot be fetched, and the data set is not packed.
        DataError: a folder or archive cannot be read, or does not suffice for what is measured.
    """
    settings = study.datasets[dataset]
    if settings.source == "cifar10" and is_fetched(settings.archive):
        require_obtainable([settings.archive])
        return [settings.archive]
    if _packed(study, dataset) is None:
        require_source(study, dataset)
        _require_enough_images(study, dataset)
    return []


def packed_hash(study: Study, dataset: str) -> str | None:
    """The data hash of a data set that is packed as it is; None if it will be packed (again)."""
    files, packed = _files_now(study.datasets[dataset]), _packed(study, dataset)
    if packed is None or (files is not None and _recorded_state(study, dataset, files) is None):
        return None
    return str(packed["data_hash"])


def split_sizes(study: Study, dataset: str) -> Mapping[str, int]:
    """Number of images of each split: of those that are packed, or of those that will be.

    Raises:
        DataError: a folder or archive cannot be read.
    """
    settings = study.datasets[dataset]
    if settings.source != "image_folder" and settings.source != "lsun":
        return settings.split_sizes
    files = _files_now(settings)
    assert files is not None
    if _recorded_state(study, dataset, files) is not None and (packed := _packed(study, dataset)):
        return packed["counts"]
    if settings.source == "lsun":
        return {"train": settings.images or _records_now(settings.archive), "test": 0}
    if settings.test_images is not None:
        return {"train": max(0, len(files.files) - settings.test_images), "test": settings.test_images}
    return {split: sum(name.startswith(f"{split}/") for name in files.files) for split in SPLITS}


def record_source(study: Study, dataset: str, files: SourceFiles) -> None:
    """Records what a data set was packed from. The same content keeps the name of its state.

    Raises:
        DataError: the files have changed since they were looked at.
        OutputError: the record cannot be written.
    """
    now = source_files(study.datasets[dataset])
    if now is None or now.times != files.times:
        raise DataError(f"datasets.{dataset}: its files changed while they were read; run this again")
    record = _read_record(study, dataset)
    state = record["state"] if record.get("content") == now.content else now.times
    content = {"state": state, "sizes": now.sizes, "times": now.times, "content": now.content}
    write_text(_record_path(study, dataset), json.dumps(content, indent=1) + "\n")


def _require_enough_images(study: Study, dataset: str) -> None:
    """Raises DataError if the files of a data set do not suffice, as far as their number tells."""
    settings = study.datasets[dataset]
    if settings.source == "digits" or settings.source == "cifar10":
        return
    # Loads numpy, which a start with packed images does without.
    import numpy as np

    from ddpm.data.sufficiency import require_enough_images

    if settings.source == "image_folder":
        from ddpm.data.image_folder import listed

        train, test = (split.labels for split in listed(settings))
    else:
        if settings.source == "lsun":
            count = lsun_archive.wanted_records(settings.archive, settings.images)
        else:
            from ddpm.data.celebahq import find_all_faces

            count = find_all_faces(settings).count
        train, test = np.zeros(count, np.int64), np.zeros(0, np.int64)
    require_enough_images(study, dataset, train, test)


def _recorded_state(study: Study, dataset: str, files: SourceFiles) -> str | None:
    """The recorded state if the files are in it, or gone ("" if none is recorded); None if in another."""
    record = _read_record(study, dataset)
    if not files.files:
        return record.get("state", "")
    if not record:
        return None
    same = files.times == record["times"] or (
        files.sizes == record["sizes"] and files.content == record["content"]
    )
    return record["state"] if same else None


def _read_record(study: Study, dataset: str) -> dict[str, str]:
    """The record of `record_source`; empty if there is none, or a damaged one."""
    try:
        record = json.loads(_record_path(study, dataset).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    whole = isinstance(record, dict) and {"state", "sizes", "times", "content"} <= record.keys()
    return {key: str(value) for key, value in record.items()} if whole else {}


def _record_path(study: Study, dataset: str) -> Path:
    return layout.path(layout.SOURCE, study.name, dataset=dataset)


def _packed(study: Study, dataset: str) -> dict[str, Any] | None:
    """The manifest of a data set as the study asks for it; None if there is none."""
    from ddpm.data.store import read_manifest

    try:
        return read_manifest(study, dataset)
    except DataError:
        return None


@functools.cache
def _files_now(settings: DatasetSettings) -> SourceFiles | None:
    """`source_files`, looked at once a process: many jobs ask."""
    return source_files(settings)


@functools.cache
def _records_now(archive: str) -> int:
    """How many records an archive of LSUN has; of one that is not there, as far as its name tells."""
    if not lsun_archive.unusable(archive):
        return lsun_archive.entries(archive)
    known = lsun_archive.category(archive)
    return known.records if known else 0
