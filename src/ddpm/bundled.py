"""Files of config/ that an installed package brings along, for working folders without them."""

from __future__ import annotations

from pathlib import Path

# Only a wheel has this folder: pyproject.toml puts the files there. In a checkout config/ holds them.
_FOLDER = Path(__file__).parent / "config"


def configured(path: str | Path) -> Path:
    """A file of config/: the working folder's own or, where that has none, the installed package's.

    Args:
        path: relative to the project, config/<name>. It is returned if neither is there.
    """
    own, installed = Path(path), _FOLDER / Path(path).name
    return installed if not own.exists() and installed.exists() else own
