import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import yaml
from http_server import FaultyServer, faulty_server
from thing import CONTENT


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[FaultyServer]:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    monkeypatch.setattr("ddpm.resources.download.PAUSE", 0.001)
    with faulty_server() as server:
        yield server


@pytest.fixture
def register(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """A function that writes config/resources.yaml with one entry, in an empty working folder."""
    monkeypatch.chdir(tmp_path)

    def write(*mirrors: str, **changes: object) -> None:
        entry = {
            "about": "A thing",
            "sha256": hashlib.sha256(CONTENT).hexdigest(),
            "bytes": len(CONTENT),
            "mirrors": list(mirrors) or ["http://127.0.0.1:1/thing.bin"],
        }
        Path("config").mkdir(exist_ok=True)
        Path("config/resources.yaml").write_text(yaml.safe_dump({"thing.bin": entry | changes}))

    return write
