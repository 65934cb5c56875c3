"""A machine on which no program lies but those that a test puts there."""

from __future__ import annotations

import pytest


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH on which nothing lies but what is put there, with what a script needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, text: str = "", status: int = 0) -> None:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
        program.chmod(0o755)

    return put
