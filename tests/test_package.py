"""The package as it is installed: its name, and the files of the project that it brings along."""

import shutil
import tomllib
from pathlib import Path

import pytest

from ddpm import bundled
from ddpm.artefacts.published import read_published
from ddpm.graph.dependencies import artefact_inputs, published_file
from ddpm.resources.registry import read_registry
from ddpm.study import load_study

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


@pytest.fixture
def installed(tmp_path, monkeypatch):
    """The files that a wheel holds besides the package, where it holds them; the working folder has none."""
    wheel = PYPROJECT["tool"]["hatch"]["build"]["targets"]["wheel"]
    for source, target in wheel["force-include"].items():
        place = tmp_path / target
        place.parent.mkdir(parents=True, exist_ok=True)
        (shutil.copytree if (ROOT / source).is_dir() else shutil.copyfile)(ROOT / source, place)
    monkeypatch.setattr(bundled, "_FOLDER", tmp_path / "ddpm" / bundled._FOLDER.name)
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_distribution_is_not_named_as_another_projects():
    assert PYPROJECT["project"]["name"] == "ddpm-rebuilt"
    assert PYPROJECT["project"]["scripts"] == {"ddpm": "ddpm.cli:main"}


def test_an_installed_package_brings_what_verbs_read(installed):
    assert len(read_published(published_file()).numbers) > 100
    assert "cifar-10-python.tar.gz" in read_registry()
    shutil.copy(ROOT / "config/cifar10.yaml", "cifar10.yaml")
    study = load_study("cifar10.yaml")
    assert artefact_inputs(study, "table1")["published"] == [published_file()]
    snakefile = bundled.bundled("Snakefile")
    rules = [line.split('"')[1] for line in snakefile.read_text().splitlines() if line.startswith("include:")]
    assert rules
    assert all((snakefile.parent / rule).exists() for rule in rules)
    # The working folder's own files come first.
    Path("config").mkdir()
    shutil.copy(ROOT / "config/published.csv", "config/published.csv")
    assert published_file() == "config/published.csv"
