"""From a study file to a checked Study: layers and defaults merged, every error with file, line and key."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar, get_args

from pydantic import ValidationError

from ddpm.errors import StudyError, did_you_mean
from ddpm.graph import layout
from ddpm.records.files import sha256
from ddpm.study.base import Settings, shown
from ddpm.study.checks import problems
from ddpm.study.layers import DISCRIMINATORS, StudyFile, merge
from ddpm.study.models import ModelSettings
from ddpm.study.settings import Study
from ddpm.study.unused import unused
from ddpm.study.yaml_file import Keys

Checked = TypeVar("Checked", bound=Settings)


def load_study(path: str | Path) -> Study:
    """Reads and checks a study file.

    Raises:
        StudyError: with all problems found: file, line, key, reason.
    """
    path = Path(path)
    if not layout.is_study_name(path.stem):
        raise StudyError(
            f"{path}: a study cannot be named {path.stem!r}: it names the folder of its results; rename the "
            f"file (letters, digits, - and _; none of {', '.join(sorted(layout.RESERVED_NAMES))})"
        )
    file = StudyFile(path)
    study = _checked(Study, file, file.content)
    study._file = str(path)
    study._files = {str(layer.path): sha256(layer.path) for layer in file.layers}
    for name in study.models:
        merged = merge(file.content.get("defaults") or {}, file.content["models"][name] or {})
        study._resolved[name] = _checked(ModelSettings, file, merged, "models", name)
    if found := problems(study):
        raise StudyError("\n".join(dict.fromkeys(file.problem(keys, message) for keys, message in found)))
    study._warnings = [file.problem(keys, message) for keys, message in unused(study)]
    return study


def _checked(settings: type[Checked], file: StudyFile, content: Mapping[str, Any], *above: str) -> Checked:
    """Settings from content that stands below the keys `above` in the file.

    Raises:
        StudyError: with a line for each problem.
    """
    try:
        return settings.model_validate(content)
    except ValidationError as error:
        lines = []
        for details in error.errors():
            keys, message = _problem(settings, content, details)
            lines.append(file.problem([*above, *keys], message))
        raise StudyError("\n".join(dict.fromkeys(lines))) from None


def _problem(settings: type[Settings], content: Mapping[str, Any], details: Any) -> tuple[Keys, str]:
    """Keys and reason of a problem that pydantic found, in the words of a study file."""
    keys = _keys_in(content, details["loc"])
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        known = _known_keys(settings, content, keys[:-1])
        message = f"unknown key{did_you_mean(str(keys[-1]), known)}; remove it"
    elif details["type"] == "union_tag_invalid":
        discriminator, expected = details["ctx"]["discriminator"].strip("'"), details["ctx"]["expected_tags"]
        keys, message = (
            [*keys, discriminator],
            f"should be one of {expected}, not {shown(details['ctx']['tag'])}",
        )
    elif details["type"] == "missing":
        keys, message = [*keys, details["loc"][-1]], "this key is missing; add it"
    elif not isinstance(details["input"], dict):
        message = f"{message}, not {shown(details['input'])}"
    return keys, message


def _keys_in(content: Any, location: Keys) -> list[str | int]:
    """A location without what pydantic adds to it: the tags of unions, and the mark of a mapping's key."""
    keys: list[str | int] = []
    for key in location:
        listed = isinstance(content, list) and isinstance(key, int) and key < len(content)
        if listed or (isinstance(content, Mapping) and key in content):
            keys.append(key)
            content = content[key]
    return keys


def _known_keys(settings: type[Settings], content: Any, keys: Keys) -> list[str]:
    """The keys that the mapping at `keys` may have."""
    classes = [settings]
    for key in keys:
        content = content[key]
        fields = [c.model_fields[str(key)] for c in classes if key in c.model_fields]
        # A key of a mapping (models.<name>) is no field: the classes are those of its values.
        classes = [found for field in fields for found in _classes_in(field.annotation)] or classes
    return [name for c in classes if _is_kind(c, content) for name in c.model_fields]


def _classes_in(annotation: Any) -> list[type[Settings]]:
    """All settings classes in an annotation such as `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, Settings):
        return [annotation]
    return [found for part in get_args(annotation) for found in _classes_in(part)]


def _is_kind(settings: type[Settings], content: Mapping[str, Any]) -> bool:
    """False for a class of a union that the content does not choose."""
    fields = settings.model_fields
    return all(
        content.get(key) in get_args(fields[key].annotation) for key in DISCRIMINATORS if key in fields
    )
