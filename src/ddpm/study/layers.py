"""A study file with the layers around it (what it extends, local changes), and where each key stands."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML, MappingNode, Node, SequenceNode
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from ddpm.errors import StudyError
from ddpm.graph import layout

# The keys by which one of several kinds of settings is chosen.
DISCRIMINATORS = ("source", "kind")

Keys = Sequence[str | int]


class Place(NamedTuple):
    """How many keys of a path a file has, and the line of the last of them."""

    depth: int
    line: int


class YamlFile:
    """A parsed YAML 1.2 file that knows on which line each key stands.

    Attributes:
        path: the file.
        content: its mapping.

    Raises:
        StudyError: the file is missing, unreadable, not YAML, not a mapping, or gives a key twice.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        yaml = YAML(typ="safe", pure=True)
        try:
            self._root: Node | None = yaml.compose(path.read_text(encoding="utf-8"))
            self.content: Any = self._root and yaml.constructor.construct_document(self._root)
        except FileNotFoundError:
            raise StudyError(_missing(path)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{path}: cannot be read ({error})") from error
        except YAMLError as error:
            raise StudyError(f"{path}: is not valid YAML: {_one_line(error)}") from error
        if not isinstance(self.content, dict):
            raise StudyError(f"{path}: must be a mapping of settings; see config/demo.yaml for an example")

    def find(self, keys: Keys) -> Place:
        """How far the keys lead into the file, and the line of the last that does.

        A setting that a model takes over from `defaults` stands there.
        """
        place = self._find(keys)
        if keys and keys[0] == "models" and place.depth < len(keys):
            in_defaults = self._find(["defaults", *keys[2:]])
            if in_defaults.depth == len(keys) - 1:
                return Place(len(keys), in_defaults.line)
        return place

    def _find(self, keys: Keys) -> Place:
        node, line = self._root, 1
        for depth, key in enumerate(keys):
            parts: dict[str, tuple[Node, Node]] = {}
            if isinstance(node, MappingNode):
                parts = {str(name.value): (name, value) for name, value in node.value}
            elif isinstance(node, SequenceNode):
                parts = {str(index): (value, value) for index, value in enumerate(node.value)}
            if str(key) not in parts:
                return Place(depth, line)
            name, node = parts[str(key)]
            line = name.start_mark.line + 1
        return Place(len(keys), line)


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

        File and line are those of the deepest part of it that any layer has, topmost first.
        """
        places = [(layer.path, layer.find(keys)) for layer in self.layers]
        path, place = max(places, key=lambda found: found[1].depth)
        return f"{path}:{place.line}: {'.'.join(map(str, keys))}: {message}"


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


def _layers(path: Path, above: tuple[Path, ...]) -> list[YamlFile]:
    if path.resolve() in above:
        raise StudyError(f"{path}: extends: this file extends itself; remove `extends` from one of the files")
    layers = [YamlFile(path)]
    below = layers[0].content.get("extends")
    local = path.with_suffix(".local.yaml")
    if local.exists():
        layers.insert(0, YamlFile(local))
        if "extends" in layers[0].content:
            raise StudyError(
                f"{local}: extends: a local file changes the study beside it and extends none; remove it"
            )
    if below is None:
        return layers
    if not isinstance(below, str):
        where = f"{path}:{layers[-1].find(['extends']).line}"
        raise StudyError(f"{where}: extends: must be the name of a study file beside this one, not {below!r}")
    return layers + _layers(path.parent / below, (*above, path.resolve()))


def _missing(path: Path) -> str:
    others = sorted(p.stem for p in path.parent.glob("*.yaml") if layout.is_study_name(p.stem))
    known = f"studies in {path.parent}: {', '.join(others)}" if others else f"{path.parent} has no studies"
    return f"{path}: no such study file ({known}). Copy config/demo.yaml to start a study of your own."


def _one_line(error: YAMLError) -> str:
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None) or str(error)
    remedy = "; remove one" if isinstance(error, DuplicateKeyError) else ""
    return f"line {mark.line + 1}: {problem}{remedy}" if mark else problem
