"""What `make` installs from where, and what `make clean` removes."""

import shutil
import subprocess
from pathlib import Path

ROOT = Path(__file__).parent.parent


def make(folder: Path, *words: str, status: int = 0, answer: str = "") -> str:
    run = subprocess.run(
        ["make", "-f", ROOT / "Makefile", *words], cwd=folder, input=answer, capture_output=True, text=True
    )
    assert run.returncode == status, run.stdout + run.stderr
    return run.stdout


def test_what_is_installed_and_from_where(tmp_path):
    shutil.copytree(ROOT / "envs", tmp_path / "envs")
    (tmp_path / "pyproject.toml").touch()
    demo, test = (
        make(tmp_path, "-n", target, "TORCH_INDEX=https://torch.example/cpu") for target in ("demo", "test")
    )
    wanted = "--extra-index-url https://torch.example/cpu -r envs/requirements.txt"
    assert wanted in demo
    assert "development.txt" not in demo
    assert "development.txt" in test
    assert "--extra-index-url" not in make(tmp_path, "-n", "demo")


def test_clean_removes_caches_alone_and_when_it_is_told_to(tmp_path):
    kept = [tmp_path / name for name in ("results/demo/table1.csv", "resources/x", ".venv/y", "src/a.py")]
    caches = [tmp_path / name for name in (".mypy_cache/a", "dvc_plots/b", "src/__pycache__/a.pyc")]
    for file in (*kept, *caches):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.touch()
    for name in ("tests", "benchmarks", "workflow"):
        (tmp_path / name).mkdir()
    said = make(tmp_path, "clean", status=2)
    assert all(name in said for name in (".mypy_cache", "dvc_plots", "src/__pycache__", "make clean YES=1"))
    assert all(file.exists() for file in (*kept, *caches))
    make(tmp_path, "clean", "YES=1")
    assert all(file.exists() for file in kept)
    assert not any(file.parent.exists() for file in caches)
    assert "nothing to remove" in make(tmp_path, "clean")
