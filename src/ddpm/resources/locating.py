"""From a path to the file that is fetched there."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path

from ddpm.resources.errors import ResourceError
from ddpm.resources.hugging_face import hugging_face_file
from ddpm.resources.registry import FOLDER, REGISTRY, read_registry, registered
from ddpm.resources.remote_file import RemoteFile


def remote_file(path: str | Path) -> RemoteFile:
    """What is fetched to a path, relative to the working folder: resources/<name>.

    Raises:
        ResourceError: nothing is known to be fetched there.
    """
    path = Path(os.path.normpath(path))
    if path.parts[0] != FOLDER.name or len(path.parts) < 2:
        hint = f"; did you mean {FOLDER / path}?" if str(path) in read_registry() else f" (see {REGISTRY})"
        raise ResourceError(f"{path}: only files under {FOLDER}/ are fetched{hint}")
    if path.parts[1] == "huggingface":
        return hugging_face_file(path)
    entry = registered(path.relative_to(FOLDER).as_posix())
    return RemoteFile(path, tuple(entry.mirrors), entry.sha256, entry.bytes)


def fetched_names() -> str:
    """Regular expression of the names below resources/ that `remote_file` knows."""
    return "|".join([r"huggingface/[^/]+/[^/]+/[^/]+/.+", *map(re.escape, read_registry())])


def expected_sha256(path: str | Path) -> str:
    """The hash that a fetched file must have; empty where none is known."""
    return remote_file(path).sha256 or ""


def require_obtainable(paths: Iterable[str]) -> None:
    """Checks, before any work, that each path exists or can be fetched.

    Raises:
        ResourceError: a path does neither; the message says what to do.
    """
    for path in paths:
        if Path(path).exists():
            continue
        if Path(os.path.normpath(path)).parts[:1] != (FOLDER.name,):
            raise ResourceError(f"{path}: no such file or folder; correct the path in the study file")
        remote_file(path)
