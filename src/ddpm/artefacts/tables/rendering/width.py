"""Text in columns of a terminal: how wide it is and how it is padded."""

from __future__ import annotations

import unicodedata


def width(text: str) -> int:
    """Terminal columns that `text` takes: marks such as the tilde of μ̃ take none, wide signs two."""
    return sum(_character_width(character) for character in text)


def padded(text: str, columns: int, right: bool = False) -> str:
    """`text` filled up with spaces to a width; right-aligned if `right`."""
    filling = " " * (columns - width(text))
    return filling + text if right else text + filling


def _character_width(character: str) -> int:
    if unicodedata.combining(character):
        return 0
    return 2 if unicodedata.east_asian_width(character) in "WF" else 1
