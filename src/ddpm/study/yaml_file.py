"""A YAML file that knows where each key stands, and refuses what no settings file needs."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ruamel.yaml import YAML, MappingNode, Node, ScalarNode, SequenceNode
from ruamel.yaml.constructor import DuplicateKeyError
from ruamel.yaml.error import YAMLError

from ddpm.errors import StudyError
from ddpm.records.reading import unreadable

Keys = Sequence[str | int]

LARGEST_FILE = 1_000_000
"""Bytes of a settings file; the longest of this project has 10,000."""
MOST_VALUES = 100_000
"""Values of a file with its aliases written out."""
DEEPEST = 50
"""Mappings and lists within one another."""
LONGEST_NUMBER = 40
"""Characters of a number."""

_TAGS = {
    f"tag:yaml.org,2002:{name}" for name in ("str", "int", "float", "bool", "null", "map", "seq", "merge")
}
_NUMBERS = {f"tag:yaml.org,2002:{name}" for name in ("int", "float")}
# Of UTF-16, whose text ruamel.yaml would find full of odd characters.
_BYTE_ORDER_MARKS = (b"\xff\xfe", b"\xfe\xff")


class Place(NamedTuple):
    """How many keys of a path a file has, the line of the last, and whether that stands in `defaults`."""

    depth: int
    line: int
    in_defaults: bool = False


class YamlFile:
    """A parsed YAML 1.2 file that knows on which line each key stands.

    Attributes:
        path: the file.
        content: its mapping, of strings, numbers, booleans, nulls, lists and mappings with plain keys.

    Raises:
        StudyError: the file is missing, may not be read, is too large, not UTF-8, not YAML, not a mapping,
            gives a key twice, or holds what no setting is. The message has the file and the line.
    """

    def __init__(self, path: Path, missing: str = "no such file") -> None:
        self.path = path
        text = self._text(missing)
        yaml = YAML(typ="safe", pure=True)
        try:
            self._root: Node | None = yaml.compose(text)
        except RecursionError:
            raise self._error(1, f"is nested deeper than {DEEPEST} levels; write it flatter") from None
        except (YAMLError, ValueError) as error:
            raise self._error(*_fault(error, text)) from error
        if self._root is not None:
            self._check(self._root, (), {})
        self.content: Any = self._constructed(yaml)
        if not isinstance(self.content, dict):
            raise self._error(1, "must be a mapping of settings; see config/demo.yaml for an example")

    def _text(self, missing: str) -> str:
        if reason := unreadable(self.path, missing):
            raise self._error(1, reason) if reason != missing else StudyError(f"{self.path}: {missing}")
        try:
            content = self.path.read_bytes()
        except OSError as error:
            raise StudyError(f"{self.path}: cannot be read ({error})") from error
        if len(content) > LARGEST_FILE:
            raise self._error(1, f"has {len(content):,} bytes, more than the {LARGEST_FILE:,} of settings")
        if content.startswith(_BYTE_ORDER_MARKS):
            raise self._error(1, "cannot be read: it is UTF-16; save it as UTF-8")
        try:
            return content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            line = content.count(b"\n", 0, error.start) + 1
            raise self._error(
                line, f"cannot be read: not UTF-8 ({error.reason}); save it as UTF-8"
            ) from error

    def _constructed(self, yaml: YAML) -> Any:
        try:
            return self._root and yaml.constructor.construct_document(self._root)
        except (YAMLError, ValueError, TypeError) as error:
            raise self._error(*_fault(error, "")) from error

    def _error(self, line: int, reason: str) -> StudyError:
        return StudyError(f"{self.path}:{line}: {reason}")

    def _check(self, node: Node, above: tuple[Node, ...], sizes: dict[int, int]) -> int:
        """Raises StudyError for what no setting is; returns how many values it holds, aliases included."""
        line = node.start_mark.line + 1
        if any(node is outer for outer in above):
            raise self._error(line, "an alias stands within what it repeats; write the values out")
        if len(above) >= DEEPEST:
            raise self._error(line, f"is nested deeper than {DEEPEST} levels; write it flatter")
        if id(node) in sizes:
            return sizes[id(node)]
        if node.tag not in _TAGS:
            kind = str(node.tag).rpartition(":")[2]
            raise self._error(line, f"{kind!r} is no kind of value here; put the text in quotes")
        size = 1
        if isinstance(node, ScalarNode):
            self._check_scalar(node, line)
        elif isinstance(node, SequenceNode):
            size += sum(self._check(value, (*above, node), sizes) for value in node.value)
        else:
            for key, value in node.value:
                if not isinstance(key, ScalarNode):
                    raise self._error(
                        key.start_mark.line + 1, "a list or a mapping cannot be a key; give it a name"
                    )
                size += sum(self._check(part, (*above, node), sizes) for part in (key, value))
        if size > MOST_VALUES:
            raise self._error(line, f"holds more than {MOST_VALUES:,} values, aliases written out; use fewer")
        sizes[id(node)] = size
        return size

    def _check_scalar(self, node: ScalarNode, line: int) -> None:
        if node.tag in _NUMBERS:
            if len(node.value) > LONGEST_NUMBER:
                raise self._error(line, f"a number of {len(node.value):,} characters; shorten it")
            digits = node.value.lstrip("+-")
            if node.style is None and len(digits) > 1 and digits[0] == "0" and digits.isdigit():
                raise self._error(
                    line,
                    f"{node.value} is {int(digits)} to some readers of YAML and octal to others; write "
                    f"{int(digits)}, or 0o{digits.lstrip('0') or '0'} for octal",
                )
        if found := next((sign for sign in node.value if _is_control(sign)), None):
            raise self._error(line, f"holds the control character U+{ord(found):04X}; remove it")

    def find(self, keys: Keys) -> Place:
        """How far the keys lead into the file, and the line of the last that does.

        A setting that a model takes over from `defaults` stands there.
        """
        place = self._find(keys)
        if keys and keys[0] == "models" and place.depth < len(keys):
            in_defaults = self._find(["defaults", *keys[2:]])
            if in_defaults.depth == len(keys) - 1:
                return Place(len(keys), in_defaults.line, in_defaults=True)
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


def _is_control(sign: str) -> bool:
    """Whether it is a control character (no tab or line break), half a surrogate, or turns text round."""
    if sign in "\t\n\r":
        return False
    return (
        unicodedata.category(sign) in ("Cc", "Cs", "Zl", "Zp")
        or sign in "\u202a\u202b\u202d\u202e\u2066\u2067\u2068"
    )


def _fault(error: Exception, text: str) -> tuple[int, str]:
    """Line and reason of what ruamel.yaml found."""
    mark, problem = getattr(error, "problem_mark", None), getattr(error, "problem", None)
    position = getattr(error, "position", None)
    line = mark.line + 1 if mark else text.count("\n", 0, position) + 1 if position is not None else 1
    reason = problem or str(getattr(error, "reason", error)).partition("\n")[0]
    remedy = "; remove one" if isinstance(error, DuplicateKeyError) else ""
    return line, f"is not valid YAML: {reason}{remedy}"
