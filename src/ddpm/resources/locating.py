"""From a path under resources/ to the file that is fetched there: of the registry, or of Hugging Face."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from ddpm.errors import ResourceError
from ddpm.records.reading import unreadable
from ddpm.resources.registry import FOLDER, REGISTRY, read_registry, registered
from ddpm.resources.secrets import authorisation
from ddpm.study.base import FETCHED_NAME

HUGGING_FACE = "https://huggingface.co"


@dataclass(frozen=True)
class RemoteFile:
    """What a download needs to know.

    Attributes:
        path: where the file goes.
        urls: where it comes from, tried in order.
        sha256: hash of its content, hexadecimal; None if unknown.
        size: bytes; None if unknown.
        headers: sent with each request, such as an authorisation.
        hint: advice after a refusal by all servers.
    """

    path: Path
    urls: tuple[str, ...]
    sha256: str | None = None
    size: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)
    hint: str = f"Mirrors stand in {REGISTRY}."


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
        return _hugging_face_file(path)
    entry = registered(path.relative_to(FOLDER).as_posix())
    return RemoteFile(path, tuple(entry.mirrors), entry.sha256, entry.bytes)


def _hugging_face_file(path: Path) -> RemoteFile:
    """The file behind `resources/huggingface/<owner>/<name>/<revision>/<file...>`.

    The environment variables HF_ENDPOINT (another server) and HF_TOKEN (for a repository that asks for a
    login; sent by https alone) are heeded. Size and hash are unknown: whoever reads the file checks it.
    """
    if len(path.parts) < 6:
        raise ResourceError(
            f"{path}: must be resources/huggingface/<owner>/<name>/<revision>/<file>, "
            "for example resources/huggingface/google/ddpm-cifar10-32/main/config.json"
        )
    if not all(map(FETCHED_NAME.fullmatch, path.parts)):
        raise ResourceError(
            f"{path}: names below {FOLDER}/huggingface/ hold letters, digits and . _ + - alone; correct it"
        )
    owner, name, revision, *file = path.parts[2:]
    endpoint = os.environ.get("HF_ENDPOINT", "").strip().rstrip("/") or HUGGING_FACE
    return RemoteFile(
        path,
        (f"{endpoint}/{owner}/{name}/resolve/{revision}/{'/'.join(file)}",),
        headers=authorisation(endpoint),
        hint="Check the repository's name, revision and file; one that asks for a login needs HF_TOKEN in "
        "the environment.",
    )


def fetched_names() -> str:
    """Regular expression of the names below resources/ that `remote_file` knows."""
    # Without braces, which Snakemake takes for its own.
    name = r"[\w.+-]+"
    return "|".join(
        [f"huggingface/{name}/{name}/{name}/{name}(?:/{name})*", *map(re.escape, read_registry())]
    )


def expected_sha256(path: str | Path) -> str:
    """The hash that a fetched file must have; empty where none is known."""
    return remote_file(path).sha256 or ""


def require_obtainable(paths: Iterable[str]) -> None:
    """Checks, before any work, that each path exists or can be fetched.

    Raises:
        ResourceError: a path does neither; the message says what to do.
    """
    for path in paths:
        if os.path.isdir(path):
            continue
        missing = "no such file or folder; correct the path in the study file"
        if not (reason := unreadable(path, missing)):
            continue
        if Path(os.path.normpath(path)).parts[:1] != (FOLDER.name,) or os.path.exists(path):
            raise ResourceError(f"{path}: {reason}")
        remote_file(path)
