"""Files of the project that an installed package brings along, for working folders without them."""

from __future__ import annotations

from pathlib import Path

# Only a wheel has this folder: pyproject.toml puts the files there. In a checkout they lie where they belong.
_FOLDER = Path(__file__).parent / "project"


def bundled(path: str | Path) -> Path:
    """The working folder's own file or, where that has none, the installed package's.

    Args:
        path: relative to the project, such as config/published.csv. It is returned if neither is there.
    """
    own, installed = Path(path), _FOLDER / path
    return installed if not own.exists() and installed.exists() else own
