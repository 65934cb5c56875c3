"""A new folder, written whole or not at all."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

from ddpm.errors import OutputError
from ddpm.records.files import output_error


def require_new(folder: Path) -> None:
    """Raises OutputError if something is there already, other than an empty folder."""
    if not os.path.lexists(folder):
        return
    if not folder.is_dir() or folder.is_symlink():
        raise OutputError(f"{folder}: is there and no folder; choose another --to")
    try:
        if any(folder.iterdir()):
            raise OutputError(f"{folder}: is not empty; choose another --to, or remove it yourself")
    except OSError as error:
        raise output_error(folder, error) from error


@contextlib.contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """Yields a folder beside it to write into, which takes its place on success; a failure leaves nothing.

    Raises:
        OutputError: something is there already, or it cannot be written.
    """
    require_new(folder)
    whole = Path(os.path.abspath(folder))
    try:
        whole.parent.mkdir(parents=True, exist_ok=True)
        around = Path(tempfile.mkdtemp(prefix=f".{whole.name}.", dir=whole.parent))
        try:
            inner = around / whole.name
            inner.mkdir()
            yield inner
            os.rename(inner, whole)
        finally:
            shutil.rmtree(around, ignore_errors=True)
    except OSError as error:
        raise output_error(folder, error) from error
