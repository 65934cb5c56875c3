"""A study file with the layers around it (what it extends, local changes), and where each key stands."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.records.reading import unreadable
from ddpm.study.base import shown
from ddpm.study.yaml_file import Keys, YamlFile

# The keys by which one of several kinds of settings is chosen.
DISCRIMINATORS = ("source", "kind")


class StudyFile:
    """The merged content of a study file's layers, which knows where each key stands.

    From the top: `<study>.local.yaml` beside the study file if there is one (settings of this machine, kept
    out of git), the file itself, and the layers of the file that its key `extends` names.

    Attributes:
        path: the study file.
        layers: the files, the topmost first.
        content: the merged mapping, without `extends`.

    Raises:
        StudyError: a file is missing, unreadable, not YAML, not a mapping, or extends itself.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.layers = _layers(path, ())
        self.content: dict[str, Any] = {}
        for layer in reversed(self.layers):
            self.content = merge(self.content, layer.content)
        self.content.pop("extends", None)

    def problem(self, keys: Keys, message: str) -> str:
        """A line that says what is wrong with a key: file, line, key, message.

        File and line are those of the deepest part of it that any layer has, topmost first. What a model
        takes over from `defaults` is told as a key of those, in the same words for all models.
        """
        places = [(layer.path, layer.find(keys)) for layer in self.layers]
        path, place = max(places, key=lambda found: found[1].depth)
        keys = ["defaults", *keys[2:]] if place.in_defaults else keys
        return f"{path}:{place.line}: {'.'.join(map(_key, keys))}: {message}"


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `override`, mapping by mapping; lists are replaced whole.

    A mapping of another `source` or `kind` is another thing, so it is replaced whole too.
    """
    if any(key in override and override[key] != base.get(key, override[key]) for key in DISCRIMINATORS):
        return dict(override)
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _layers(path: Path, above: tuple[str, ...]) -> list[YamlFile]:
    layers = [YamlFile(path, _missing(path))]
    below = layers[0].content.get("extends")
    where = f"{path}:{layers[0].find(['extends']).line}: extends"
    local = path.with_suffix(".local.yaml")
    if os.path.lexists(local):
        layers.insert(0, YamlFile(local))
        if "extends" in layers[0].content:
            raise StudyError(
                f"{local}:{layers[0].find(['extends']).line}: extends: a local file changes the study beside "
                "it and extends none; remove it"
            )
    if below is None:
        return layers
    if not isinstance(below, str):
        raise StudyError(f"{where}: must be the name of a study file beside this one, not {shown(below)}")
    other = path.parent / below
    if reason := unreadable(other, _missing(other)):
        raise StudyError(f"{where}: {_key(below)}: {reason}")
    seen = (*above, os.path.realpath(path))
    if os.path.realpath(other) in seen:
        raise StudyError(f"{where}: this file extends itself; remove `extends` from one of the files")
    return layers + _layers(other, seen)


def _key(key: str | int) -> str:
    """A key in a message: quoted where it holds what does not show."""
    return key if isinstance(key, str) and key.isprintable() and len(key) < 100 else shown(key)


def _missing(path: Path) -> str:
    others = sorted(p.stem for p in path.parent.glob("*.yaml") if layout.is_study_name(p.stem))
    known = f"studies in {path.parent}: {', '.join(others)}" if others else f"{path.parent} has no studies"
    return f"no such study file ({known}). Copy config/demo.yaml to start a study of your own."
