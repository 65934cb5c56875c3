"""Fonts for titles in scripts that matplotlib's own fonts lack: of those installed, what has the signs."""

from __future__ import annotations

import functools
import logging
import unicodedata

logger = logging.getLogger("ddpm")

OWN = ("STIXGeneral", "DejaVu Sans")
"""Fonts that matplotlib brings along, so that a figure is the same on every machine."""


def drawable(title: str) -> tuple[str, tuple[str, ...]]:
    """A title as it can be drawn, and the families of fonts that have its signs, in order.

    Returns:
        the title, or "" where no font here has all of its signs, of which a line of the log tells; families.
    """
    # Marks that show nothing by themselves: joiners, variation selectors.
    title = "".join(sign for sign in title if unicodedata.category(sign) != "Cf" and not _selects(sign))
    missing = frozenset(title) - _signs(OWN[0]) - _signs(OWN[1]) - {" "}
    families = list(OWN)
    for family in _others() if missing else ():
        if found := missing & _signs(family):
            families.append(family)
            missing -= found
        if not missing:
            break
    if missing:
        logger.warning(
            f"no font that is installed here has {' '.join(sorted(missing)[:10])} of the study's title, "
            "which is left out of the drawings; install one that has (Noto Sans CJK, for example)"
        )
        return "", OWN
    return title, tuple(families)


def _selects(sign: str) -> bool:
    return 0xFE00 <= ord(sign) <= 0xFE0F


@functools.cache
def _others() -> list[str]:
    """Families of outlines, by name; not those that have a box for every sign, or pictures in colour."""
    from matplotlib.font_manager import fontManager

    names = {entry.name for entry in fontManager.ttflist} - {*OWN}
    return sorted(name for name in names if not name.startswith(("Last Resort", ".")) and "Color" not in name)


@functools.cache
def _signs(family: str) -> frozenset[str]:
    """The signs of the font that matplotlib takes for a family; none if it cannot be drawn with."""
    from matplotlib.font_manager import findfont, get_font

    try:
        font = get_font(findfont(family, fallback_to_default=False))
    except (OSError, ValueError, RuntimeError):
        return frozenset()
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
