"""config/resources.yaml: size, SHA-256 and mirrors of each file that is fetched."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import Annotated, Any

from pydantic import Field, ValidationError

from ddpm.bundled import bundled
from ddpm.errors import ResourceError, did_you_mean
from ddpm.records.files import sha256
from ddpm.records.reading import require_readable
from ddpm.resources.secrets import masked
from ddpm.study.base import FETCHED_NAME, Count, Settings, shown
from ddpm.study.yaml_file import YamlFile

REGISTRY = Path("config/resources.yaml")
FOLDER = Path("resources")
CIFAR10 = "cifar-10-python.tar.gz"


class Resource(Settings):
    """One fetched file."""

    about: str = Field(description="What it is, one line.")
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] = Field(description="Of its whole content.")
    bytes: Count = Field(description="Its size.")
    mirrors: list[Annotated[str, Field(pattern=r"^https?://\S+$")]] = Field(
        min_length=1, description="Where it is fetched, tried in order."
    )


def read_registry() -> dict[str, Resource]:
    """All entries of config/resources.yaml, by path below resources/; none if there is no such file.

    An installed package has a copy, for working folders without one.

    Raises:
        StudyError: the file is not readable YAML.
        ResourceError: an entry is malformed; the message has file, line, key and reason of each problem.
    """
    if not (path := bundled(REGISTRY)).exists():
        return {}
    file = YamlFile(path)
    entries, problems = {}, []
    for name, content in file.content.items():
        if not _is_plain(str(name)):
            problems.append(
                f"{_where(file, [name])}: {name}: must be a path below {FOLDER}/, of letters, digits, . _ + -"
            )
        try:
            entries[str(name)] = Resource.model_validate(content)
        except ValidationError as error:
            problems += [_problem(file, str(name), details) for details in error.errors()]
    if problems:
        raise ResourceError("\n".join(problems))
    return entries


def registered(name: str) -> Resource:
    """The entry of a file, by its path below resources/.

    Raises:
        ResourceError: config/resources.yaml has no such entry, or a malformed one.
    """
    entries = read_registry()
    if name not in entries:
        known = did_you_mean(name, list(entries))
        reason = (
            f"has no entry {name!r}{known}" if bundled(REGISTRY).exists() else "is not in the working folder"
        )
        raise ResourceError(
            f"{FOLDER / name}: {bundled(REGISTRY)} {reason}; add one to {REGISTRY}, or put the file "
            "there yourself"
        )
    return entries[name]


def require_official(path: Path, name: str) -> None:
    """Checks that a file has the content that config/resources.yaml names (about 0.3 s for 100 MB).

    Args:
        path: the file, wherever it lies.
        name: the entry whose content it must have.

    Raises:
        ResourceError: its SHA-256 is another, it cannot be read, or there is no such entry.
    """
    remedy = f"Remove it and run `ddpm fetch {FOLDER / name}`"
    require_sha256(path, registered(name).sha256, "official", f"{REGISTRY}, {name}", remedy)


def require_sha256(
    path: Path, expected: str, kind: str = "pinned", source: str = "the study", remedy: str = "Use that file"
) -> None:
    """Checks that a file has a hash.

    Args:
        path: the file, wherever it lies.
        expected: its SHA-256, hexadecimal.
        kind: what the content with this hash is, for the message.
        source: where the hash stands, for the message.
        remedy: what to do about another, for the message.

    Raises:
        ResourceError: its SHA-256 is another, or it cannot be read.
    """
    require_readable(path, ResourceError, f"no such file. {remedy}")
    found = sha256(path)
    if found != expected:
        raise ResourceError(
            f"{path}: is not the {kind} content: its SHA-256 is {found}, not {expected} ({source}). "
            f"{remedy}; or, if this very file is meant, pin it in the study: `sha256: {found}`"
        )


def _is_plain(name: str) -> bool:
    parts = PurePosixPath(name).parts
    return bool(parts) and all(map(FETCHED_NAME.fullmatch, parts)) and parts[0] != "huggingface"


def _problem(file: YamlFile, name: str, details: Any) -> str:
    keys = [name, *details["loc"]]
    message = details["msg"]
    if details["type"] == "extra_forbidden":
        message = f"unknown key{did_you_mean(str(keys[-1]), list(Resource.model_fields))}; remove it"
    elif details["type"] == "missing":
        message = "this key is missing; add it"
    elif not isinstance(details["input"], dict):
        message = f"{message}, not {masked(shown(details['input']))}"
    return f"{_where(file, keys)}: {': '.join(map(str, keys))}: {message}"


def _where(file: YamlFile, keys: Sequence[str | int]) -> str:
    return f"{file.path}:{file.find(keys).line}"
