"""A release has one version, and a citation that other programs can read."""

import re
from pathlib import Path

import yaml

import ddpm

ROOT = Path(__file__).parent.parent
CITATION = yaml.safe_load((ROOT / "CITATION.cff").read_text())
HEADINGS = re.findall(r"^## \[(.+?)\](.*)$", (ROOT / "CHANGELOG.md").read_text(), flags=re.MULTILINE)


def test_package_citation_and_changelog_have_one_version():
    newest = next(name for name, _ in HEADINGS if name != "Unreleased")
    assert {str(CITATION["version"]), newest} == {ddpm.__version__}


def test_the_citation_has_the_date_of_the_changelog_once_it_is_released():
    [since] = [rest.removeprefix(" - ") for name, rest in HEADINGS if name == ddpm.__version__]
    assert since == str(CITATION.get("date-released", "unreleased"))


def test_the_citation_names_its_licence_and_the_paper():
    assert CITATION["license"] in (ROOT / "LICENSE").read_text().splitlines()[0]
    assert CITATION["authors"][0]["name"] in (ROOT / "LICENSE").read_text()
    [paper] = CITATION["references"]
    assert paper["title"] == "Denoising Diffusion Probabilistic Models"
    assert paper["url"] == "https://arxiv.org/abs/2006.11239"
