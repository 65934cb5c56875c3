"""Which files of a project a crate holds or describes, and what they are."""

from __future__ import annotations

import dataclasses
import mimetypes
import os
from collections.abc import Iterator
from pathlib import Path

from ddpm.bundled import bundled
from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.graph.dependencies import expected_file
from ddpm.records.snakemake_records import is_file_of
from ddpm.study import Study

# Weights, images and arrays of numbers take most of the room; images may have licences of their own.
_LARGE_SUFFIXES = frozenset({".npy", ".npz", ".safetensors"})
# Named by users for paths of their own machine.
_LOCAL = ".local.yaml"
_OF_THE_PROJECT = (
    *(
        "profiles/default/config.yaml",
        "config/published.csv",
        "config/resources.yaml",
        "LICENSE",
        "CITATION.cff",
    ),
    *("envs/requirements.txt", "envs/constraints.txt", "envs/locked.txt"),
)
_MEDIA_TYPES = {
    ".parquet": "application/vnd.apache.parquet",
    ".npz": "application/zip",
    ".md": "text/markdown",
    ".tsv": "text/tab-separated-values",
    ".yaml": "application/yaml",
    ".cff": "application/yaml",
    ".npy": "application/octet-stream",
    ".safetensors": "application/octet-stream",
}


@dataclasses.dataclass(frozen=True)
class Content:
    """One file.

    Attributes:
        path: within the crate, with "/"; also how the jobs call it.
        source: where it lies.
        is_copied: whether the crate holds it; else the crate has its size and hash.
    """

    path: str
    source: Path
    is_copied: bool

    @property
    def media_type(self) -> str:
        """The encoding format, text/plain where none is known."""
        suffix = self.source.suffix
        return _MEDIA_TYPES.get(suffix) or mimetypes.types_map.get(suffix, "text/plain")


def result_files(study: Study, everything: bool) -> list[Content]:
    """The files under the study's results.

    Left out are what training needs to go on, runs that were set aside, kept features, and hidden files.

    Args:
        study: whose results lie below the working folder.
        everything: copy the large files too.
    """
    home = Path(layout.home(study.name))
    return [
        Content(path.as_posix(), path, everything or not _is_large(path.as_posix()))
        for path in _walk(home)
        if is_file_of(path.as_posix(), home.as_posix())
    ]


def setting_files(study: Study) -> list[Content]:
    """The study's files, and its expected numbers.

    A file of local changes is not copied, as it names places on somebody's machine.
    """
    files = [Content(_place(file), Path(file), not file.endswith(_LOCAL)) for file in study.files]
    expected = Path(expected_file(study))
    return [*files, *([Content(expected.as_posix(), expected, True)] if expected.is_file() else [])]


def workflow_files() -> tuple[Content, list[Content]]:
    """The Snakefile; and its rules, with what it is run and installed with.

    Raises:
        DataError: there is no Snakefile.
    """
    snakefile = bundled("Snakefile")
    if not snakefile.is_file():
        raise DataError(f"{snakefile}: no such file; run `ddpm crate` in the folder of the project")
    rules = sorted(snakefile.parent.glob("workflow/rules/*.smk"))
    files = [(path.relative_to(snakefile.parent).as_posix(), path) for path in rules]
    files += [(name, bundled(name)) for name in _OF_THE_PROJECT if bundled(name).is_file()]
    return Content("Snakefile", snakefile, True), [Content(name, path, True) for name, path in files]


def _walk(home: Path) -> Iterator[Path]:
    left_out = {home / "earlier", Path(layout.FEATURE_CACHE.format(home=home))}
    for folder, folders, names in os.walk(home):
        here = Path(folder)
        folders[:] = sorted(
            name
            for name in folders
            if not name.startswith(".")
            and here / name not in left_out
            and layout.match((here / name).as_posix())[0] != layout.STATE
        )
        yield from (here / name for name in sorted(names) if not name.startswith("."))


def _is_large(path: str) -> bool:
    return Path(path).suffix in _LARGE_SUFFIXES or layout.match(path)[0] == layout.BOUND_TERMS


def _place(file: str) -> str:
    """The path in the crate of a settings file, which may lie elsewhere."""
    relative = Path(os.path.relpath(file))
    return f"config/{relative.name}" if ".." in relative.parts else relative.as_posix()
