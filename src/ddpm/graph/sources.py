"""What a data set is packed from: whether it is there, and whether it has changed since.

Files that a rule fetches are its inputs, which Snakemake compares. Archives and folders of the user's own
are no inputs: they may be gone once they are packed, may lie elsewhere, and a folder's time says nothing of
the files in it. In their stead, the settings that Snakemake compares carry the name of a state of the files.
`ddpm data` records that name, and hashes by which the same content is known again whatever its times say.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.data.folders import list_images
from ddpm.errors import DataError, StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import dataset_fingerprint
from ddpm.records.files import sha256, write_text
from ddpm.resources.locating import require_obtainable
from ddpm.resources.registry import FOLDER, read_registry
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.study.datasets import DatasetSettings

SPLITS = ("train", "test")


@dataclasses.dataclass(frozen=True)
class SourceFiles:
    """The files of a source whose content no setting says, as they are now.

    Attributes:
        files: by name, which does not change when the whole source is moved, path and status; empty if the
            source is not there.
    """

    files: Mapping[str, tuple[Path, os.stat_result]]

    @functools.cached_property
    def sizes(self) -> str:
        """A hash of names and sizes: where it differs, so does the content."""
        return _digest({name: status.st_size for name, (_, status) in self.files.items()})

    @functools.cached_property
    def times(self) -> str:
        """A hash of names, sizes and times of change: where it is the same, so is the content."""
        return _digest(
            {
                name: [status.st_size, status.st_mtime_ns, status.st_ctime_ns]
                for name, (_, status) in self.files.items()
            }
        )

    @functools.cached_property
    def content(self) -> str:
        """A hash of names and contents; all files are read.

        Raises:
            DataError: one cannot be read.
        """
        try:
            return _digest({name: sha256(path) for name, (path, _) in self.files.items()})
        except OSError as error:
            raise DataError(f"{error.filename}: cannot be read ({error.strerror})") from error


def source_files(settings: DatasetSettings) -> SourceFiles | None:
    """The files that a data set is packed from, looked at now.

    None where the settings say which content they must have, or a rule fetches them.
    """
    if settings.source == "image_folder":
        listings = {split: list_images(folder) for split, folder in settings.folders.items()}
        if not all(listing.images for listing in listings.values()):
            return SourceFiles({})
        return SourceFiles(
            {
                f"{split}/{path}": (Path(listing.folder, path), status)
                for split, listing in listings.items()
                for path, status in listing.images.items()
            }
        )
    if settings.source == "cifar10" and not settings.is_pinned and not _is_fetched(settings.archive):
        from ddpm.data.cifar10 import files_of

        return SourceFiles({name: (path, path.stat()) for name, path in files_of(settings.archive).items()})
    return None


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
        StudyError: a folder holds no images, and the data set is not packed.
        ResourceError: an archive is not there and cannot be fetched, and the data set is not packed.
        DataError: a folder cannot be read, or does not suffice for what is measured.
    """
    settings = study.datasets[dataset]
    if settings.source == "cifar10" and _is_fetched(settings.archive):
        require_obtainable([settings.archive])
        return [settings.archive]
    if _packed(study, dataset) is None:
        require_source(study, dataset)
        if settings.source == "image_folder":
            # Loads numpy, which a start with packed images does without.
            from ddpm.data.image_folder import listed
            from ddpm.data.sufficiency import require_enough_images

            require_enough_images(study, dataset, *(split.labels for split in listed(settings)))
    return []


def packed_hash(study: Study, dataset: str) -> str | None:
    """The data hash of a data set that is packed as it is; None if it will be packed (again)."""
    files, packed = _files_now(study.datasets[dataset]), _packed(study, dataset)
    if packed is None or (files is not None and _recorded_state(study, dataset, files) is None):
        return None
    return str(packed["data_hash"])


def require_source(study: Study, dataset: str) -> None:
    """Raises StudyError or ResourceError if what a data set is packed from is not there."""
    settings = study.datasets[dataset]
    if settings.source == "cifar10":
        require_obtainable([settings.archive])
    if settings.source == "image_folder":
        for split, folder in settings.folders.items():
            if not list_images(folder).images:
                found = "holds no images" if Path(folder).is_dir() else "is no folder"
                raise StudyError(
                    f"{study.file}: datasets.{dataset}.{split}: {folder} {found}; give the path of a folder "
                    "of images"
                )


def split_sizes(study: Study, dataset: str) -> Mapping[str, int]:
    """Number of images of each split: of those that are packed, or of those that will be.

    Raises:
        DataError: a folder cannot be read.
    """
    settings = study.datasets[dataset]
    if settings.source == "lsun":
        return {"train": settings.images or 0, "test": 0}
    if settings.source != "image_folder":
        return settings.split_sizes
    files = _files_now(settings)
    assert files is not None
    if _recorded_state(study, dataset, files) is not None and (packed := _packed(study, dataset)):
        return packed["counts"]
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


def _is_fetched(archive: str) -> bool:
    path = Path(os.path.normpath(archive))
    return path.is_relative_to(FOLDER) and path.relative_to(FOLDER).as_posix() in read_registry()


def _digest(values: Mapping[str, Any]) -> str:
    content = json.dumps(values, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
