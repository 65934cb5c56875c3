"""Reading YAML with the line of every key, numbers like 2e-4, and no silently repeated keys."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from ddpm.errors import StudyError
from ddpm.study import layout


class _Loader(yaml.SafeLoader):
    """SafeLoader that reads 2e-4 as a number (YAML 1.2) and refuses a repeated key."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        keys: set[Any] = set()
        for key_node, _ in node.value:
            key = self.construct_object(key_node, deep=True)
            if key in keys:
                line = key_node.start_mark.line + 1
                raise yaml.MarkedYAMLError(problem=f"line {line}: key {key!r} is given twice; remove one")
            keys.add(key)
        return super().construct_mapping(node, deep)


_Loader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?(\d+\.?\d*|\.\d+)[eE][-+]?\d+$"),
    list("-+.0123456789"),
)


class Place(NamedTuple):
    """How many keys of a path a file has, and the line of the last of them."""

    depth: int
    line: int


class YamlFile:
    """A parsed YAML file that knows on which line each key stands.

    Raises:
        StudyError: the file is missing, unreadable, not YAML, or not a mapping.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        try:
            text = path.read_text(encoding="utf-8")
            self.root = yaml.compose(text, Loader=_Loader)
            self.content: Any = yaml.load(text, Loader=_Loader)
        except FileNotFoundError:
            raise StudyError(_missing(path)) from None
        except (OSError, UnicodeDecodeError) as error:
            raise StudyError(f"{path}: cannot be read ({error})") from error
        except yaml.YAMLError as error:
            raise StudyError(f"{path}: is not valid YAML: {_one_line(error)}") from error
        if not isinstance(self.content, dict):
            raise StudyError(f"{path}: must be a mapping of settings; see config/demo.yaml for an example")

    def where(self, keys: Sequence[str | int]) -> str:
        """`file:line` of a key: of the deepest part that the file has."""
        return f"{self.path}:{self.find(keys).line}"

    def find(self, keys: Sequence[str | int]) -> Place:
        """How far the keys lead into the file, and the line of the last that does.

        A setting that a model takes over from `defaults` stands there.
        """
        place = self._find(keys)
        if keys and keys[0] == "models" and place.depth < len(keys):
            in_defaults = self._find(["defaults", *keys[2:]])
            if in_defaults.depth == len(keys) - 1:
                return Place(len(keys), in_defaults.line)
        return place

    def _find(self, keys: Sequence[str | int]) -> Place:
        node, line = self.root, 1
        for number, key in enumerate(keys):
            child = _child(node, key)
            if child is None:
                return Place(number, line)
            line, node = child
        return Place(len(keys), line)


def _child(node: yaml.Node | None, key: str | int) -> tuple[int, yaml.Node] | None:
    if isinstance(node, yaml.MappingNode):
        for key_node, value in node.value:
            if key_node.value == str(key):
                return key_node.start_mark.line + 1, value
    if isinstance(node, yaml.SequenceNode) and isinstance(key, int) and key < len(node.value):
        return node.value[key].start_mark.line + 1, node.value[key]
    return None


def _missing(path: Path) -> str:
    others = sorted(p.stem for p in path.parent.glob("*.yaml") if layout.is_study_name(p.stem))
    known = f"studies in {path.parent}: {', '.join(others)}" if others else f"{path.parent} has no studies"
    return f"{path}: no such study file ({known}). Copy config/demo.yaml to start a study of your own."


def _one_line(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or str(error)
    return f"line {mark.line + 1}: {problem}" if mark else problem


def did_you_mean(word: str, known: Sequence[str]) -> str:
    """A hint for an unknown word: the nearest known one in brackets, or all of them."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    if close:
        return f" (did you mean {close[0]!r}?)"
    return f" (known: {', '.join(known)})" if known else ""
