"""A study file with the layers below and above it: what it extends, and local changes beside it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ddpm.errors import StudyError
from ddpm.study.yaml_file import YamlFile

# A mapping whose kind another layer changes is another thing: its keys are not taken over.
_DISCRIMINATORS = ("source", "kind")


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

    def where(self, keys: Sequence[str | int]) -> str:
        """`file:line` of a key: where the deepest part of it that any layer has stands, topmost first.

        A setting that a model takes over from `defaults` stands there.
        """
        found = [layer.find(keys) for layer in self.layers]
        best = max(range(len(found)), key=lambda k: (found[k].depth, -k))
        return f"{self.layers[best].path}:{found[best].line}"


def merge(base: Mapping[str, Any], override: Mapping[str, Any]) -> dict[str, Any]:
    """`base` with the values of `override`, mapping by mapping; lists are replaced whole.

    A mapping of another `source` or `kind` is replaced whole too.
    """
    if any(key in override and override[key] != base.get(key, override[key]) for key in _DISCRIMINATORS):
        return dict(override)
    merged = dict(base)
    for key, value in override.items():
        both = isinstance(value, Mapping) and isinstance(merged.get(key), Mapping)
        merged[key] = merge(merged[key], value) if both else value
    return merged


def _layers(path: Path, above: tuple[Path, ...]) -> list[YamlFile]:
    if path.resolve() in above:
        raise StudyError(f"{path}: extends: this file extends itself; remove `extends` from one of the files")
    file = YamlFile(path)
    local = path.with_suffix(".local.yaml")
    layers = [YamlFile(local), file] if local.exists() else [file]
    for layer in layers[:-1]:
        _refuse_extends(layer)
    below = file.content.get("extends")
    if below is None:
        return layers
    if not isinstance(below, str):
        where = file.where(["extends"])
        raise StudyError(f"{where}: extends: must be the name of a study file beside this one, not {below!r}")
    return layers + _layers(path.parent / below, (*above, path.resolve()))


def _refuse_extends(local: YamlFile) -> None:
    if "extends" in local.content:
        raise StudyError(
            f"{local.path}: extends: a local file changes the study beside it and extends none; remove it"
        )
