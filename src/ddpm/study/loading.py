"""From a study file to a checked Study: defaults merged in, every error with file, line and key."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from ddpm.errors import StudyError
from ddpm.study import layout
from ddpm.study.checks import problems
from ddpm.study.models import ModelSettings
from ddpm.study.settings import Study
from ddpm.study.yaml_file import YamlFile, did_you_mean


def load_study(path: str | Path) -> Study:
    """Reads and checks a study file.

    Raises:
        StudyError: with all problems found: file, line, key, reason.
    """
    path = Path(path)
    _check_name(path)
    file = YamlFile(path)
    try:
        study = Study.model_validate(file.content)
    except ValidationError as error:
        raise StudyError(_report(file, error, Study)) from None
    study._name, study._file = path.stem, str(path)
    for name in study.models:
        study._resolved[name] = _merged_model(file, name)
    if found := problems(file, study):
        raise StudyError("\n".join(found))
    return study


def _check_name(path: Path) -> None:
    if path.stem in layout.RESERVED_NAMES or not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]*", path.stem):
        raise StudyError(
            f"{path}: a study cannot be named {path.stem!r}: it names the folder of its results; rename the "
            f"file (letters, digits, - and _; none of {', '.join(sorted(layout.RESERVED_NAMES))})"
        )


def _merged_model(file: YamlFile, name: str) -> ModelSettings:
    merged = _merge(file.content.get("defaults") or {}, file.content["models"][name] or {})
    try:
        return ModelSettings.model_validate(merged)
    except ValidationError as error:
        raise StudyError(_report(file, error, ModelSettings, ("models", name))) from None


def _merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `override`, mapping by mapping; lists are replaced whole."""
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = _merge(merged[key], value) if both else value
    return merged


def _report(file: YamlFile, error: ValidationError, root: type[BaseModel], prefix: Sequence[str] = ()) -> str:
    return "\n".join(_problem(file, details, root, prefix) for details in error.errors())


def _problem(file: YamlFile, details: Any, root: type[BaseModel], prefix: Sequence[str]) -> str:
    keys = [*prefix, *(key for key in details["loc"] if key != "[key]")]
    message = details["msg"].removeprefix("Value error, ")
    if details["type"] == "extra_forbidden":
        known = _fields_at(root, details["loc"][:-1])
        message = f"unknown key{did_you_mean(str(keys[-1]), known)}; remove it"
    elif details["type"] == "missing":
        message = "this key is missing; add it"
    elif not isinstance(details["input"], dict):
        message = f"{message}, not {details['input']!r}"
    return f"{file.where(keys)}: {'.'.join(map(str, keys))}: {message}"


def _fields_at(root: type[BaseModel], location: Sequence[str | int]) -> list[str]:
    """Names of the settings allowed at a location in `root`."""
    settings: Any = root
    for key in location:
        fields = getattr(settings, "model_fields", {})
        if key not in fields:
            # A name inside a mapping (models.<name>): its settings are the mapping's value type.
            continue
        settings = _settings_in(fields[key].annotation)
    return list(getattr(settings, "model_fields", {}))


def _settings_in(annotation: Any) -> Any:
    """The first settings class in an annotation such as `X | None` or `dict[str, X]`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    found = (_settings_in(part) for part in getattr(annotation, "__args__", ()))
    return next((part for part in found if part is not None), None)
