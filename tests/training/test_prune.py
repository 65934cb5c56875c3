"""`ddpm prune` lists what it would free, and deletes that alone when told to."""

import shutil
from pathlib import Path

import pytest

from ddpm.cli import main

ROOT = Path(__file__).parents[2]
FILES = {
    "results/demo/earlier/m/seed0/abc-def/weights.safetensors": 2_000_000,
    "results/demo/earlier/m/seed1/unknown/state/latest.safetensors": 1_000_000,
    "results/demo/models/m/seed0/trained.json": 10,
    "results/demo/models/m/seed0/state/latest.safetensors": 4_000_000,
    "results/demo/models/m/seed0/weights.safetensors": 1_000_000,
    "results/demo/models/m/seed1/state/latest.safetensors": 5_000_000,
}


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shutil.copytree(ROOT / "config", "config")
    for name, size in FILES.items():
        Path(name).parent.mkdir(parents=True, exist_ok=True)
        Path(name).write_bytes(bytes(size))


def left() -> set[str]:
    return {name for name in FILES if Path(name).exists()}


@pytest.mark.parametrize(("words", "freed", "folders"), [([], "3.0", 2), (["--states"], "7.0", 3)])
def test_what_is_listed_and_deleted(words, freed, folders, capsys):
    assert main(["prune", "config/demo.yaml", *words]) == 0
    assert f"{freed} MB  would be freed by --remove, in {folders} folders" in capsys.readouterr().err
    assert left() == FILES.keys()
    assert main(["prune", "config/demo.yaml", *words, "--remove"]) == 0
    assert f"{freed} MB  freed, in {folders} folders" in capsys.readouterr().err
    gone = {name for name in FILES if "/earlier/" in name or (words and "models/m/seed0/state" in name)}
    assert left() == FILES.keys() - gone
