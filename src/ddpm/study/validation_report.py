"""pydantic's errors in the words of a study file: file, line, key, reason."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ddpm.study.layers import StudyFile
from ddpm.study.yaml_file import did_you_mean

_DISCRIMINATORS = ("source", "kind")


def report(
    file: StudyFile,
    content: Mapping[str, Any],
    error: ValidationError,
    root: type[BaseModel],
    prefix: Sequence[str] = (),
) -> str:
    """One line for each problem.

    Args:
        file: the study file.
        content: what was validated: the file's content, or a model's merged settings.
        error: what pydantic found.
        root: the settings class of `content`.
        prefix: the keys under which `content` stands in the file.
    """
    return "\n".join(dict.fromkeys(_problem(file, content, found, root, prefix) for found in error.errors()))


def _problem(
    file: StudyFile, content: Mapping[str, Any], details: Any, root: type[BaseModel], prefix: Sequence[str]
) -> str:
    keys = [*prefix, *_keys_in(content, details["loc"])]
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        known = _fields_at(root, details["loc"][:-1])
        message = f"unknown key{did_you_mean(str(keys[-1]), known)}; remove it"
    elif details["type"] == "union_tag_invalid":
        discriminator, expected = details["ctx"]["discriminator"].strip("'"), details["ctx"]["expected_tags"]
        keys, message = [*keys, discriminator], f"should be one of {expected}, not {details['ctx']['tag']!r}"
    elif details["type"] == "missing":
        message = "this key is missing; add it"
    elif not isinstance(details["input"], dict):
        message = f"{message}, not {details['input']!r}"
    return f"{file.where(keys)}: {'.'.join(map(str, keys))}: {message}"


def _keys_in(content: Any, location: Sequence[str | int]) -> list[str | int]:
    """A location without what pydantic adds to it: the tags of unions, and the mark of a mapping's key."""
    keys: list[str | int] = []
    for number, key in enumerate(location):
        inside = isinstance(content, Mapping) and key in content
        listed = isinstance(content, list) and isinstance(key, int) and key < len(content)
        # The last key of a mapping may be one that is missing.
        missing = isinstance(content, Mapping) and number == len(location) - 1 and key != "[key]"
        if inside or listed or missing:
            keys.append(key)
            content = content[key] if inside or listed else None
    return keys


def _fields_at(root: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Names of the settings allowed at a location in `root`."""
    classes: list[type[BaseModel]] = [root]
    for key in location:
        fields = [c.model_fields[str(key)] for c in classes if key in c.model_fields]
        if fields:
            classes = [found for field in fields for found in _classes_in(field.annotation)]
        else:
            # A name inside a mapping (models.<name>), or the tag that chooses one class of a union.
            classes = [c for c in classes if key in _tags(c)] or classes
    return [name for c in classes for name in c.model_fields]


def _classes_in(annotation: Any) -> list[type[BaseModel]]:
    """All settings classes in an annotation such as `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return [annotation]
    return [found for part in get_args(annotation) for found in _classes_in(part)]


def _tags(settings: type[BaseModel]) -> tuple[Any, ...]:
    fields = [settings.model_fields[name] for name in _DISCRIMINATORS if name in settings.model_fields]
    return tuple(tag for field in fields for tag in get_args(field.annotation))
