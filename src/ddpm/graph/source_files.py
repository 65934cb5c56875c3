"""Which files a data set is packed from, and whether they are there."""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ddpm.data import faces, lsun_archive
from ddpm.data.folders import list_images
from ddpm.errors import DataError, StudyError
from ddpm.records.files import sha256
from ddpm.resources.locating import require_obtainable
from ddpm.resources.registry import FOLDER, read_registry
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.study.datasets import DatasetSettings


@dataclasses.dataclass(frozen=True)
class SourceFiles:
    """The files of a source whose content no setting says, as they are now.

    Attributes:
        files: by name, which does not change when the whole source is moved, path and status; empty if the
            source is not there.
        digest: tells the content of one from another's.
    """

    files: Mapping[str, tuple[Path, os.stat_result]]
    digest: Callable[[Path], str] = sha256

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
        """A hash of names and contents; all files are read, or of an archive as large as LSUN's a part.

        Raises:
            DataError: one cannot be read.
        """
        try:
            return _digest({name: self.digest(path) for name, (path, _) in self.files.items()})
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
    if settings.source == "lsun":
        file = lsun_archive.archive_file(settings.archive)
        kind = "folder" if Path(settings.archive).is_dir() else "zip"
        return SourceFiles({kind: (file, file.stat())} if file.is_file() else {}, lsun_archive.digest)
    if settings.source == "celebahq":
        return SourceFiles(faces.face_files(settings.path))
    if settings.source == "cifar10" and not settings.is_pinned and not is_fetched(settings.archive):
        from ddpm.data.cifar10 import files_of

        return SourceFiles({name: (path, path.stat()) for name, path in files_of(settings.archive).items()})
    return None


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
    if settings.source == "lsun" and (reason := lsun_archive.unusable(settings.archive)):
        raise StudyError(f"{study.file}: datasets.{dataset}.archive: {settings.archive}: {reason}")
    if settings.source == "celebahq" and (reason := faces.unusable(settings.path)):
        raise StudyError(f"{study.file}: datasets.{dataset}.path: {settings.path}: {reason}")


def is_fetched(archive: str) -> bool:
    """Whether a rule fetches an archive."""
    path = Path(os.path.normpath(archive))
    return path.is_relative_to(FOLDER) and path.relative_to(FOLDER).as_posix() in read_registry()


def _digest(values: Mapping[str, Any]) -> str:
    content = json.dumps(values, sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:16]
