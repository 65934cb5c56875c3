"""What is installed is pinned: all that the requirements need in turn, in the version that was tested."""

import re
import tomllib
from collections.abc import Iterable
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parent.parent
# Of the environment itself, and what CUDA builds of torch bring along in versions that torch names.
NOT_PINNED = re.compile(r"pip|setuptools|wheel|nvidia-.*|cuda-.*|triton.*|pytorch-triton.*")

# In another build, from another place, for each kind of machine.
NOT_LOCKED = {"torch", "torchvision"}


def pins(name: str) -> dict[str, Version]:
    """Versions by name; every line pins one."""
    lines = [line.partition("#")[0].strip() for line in (ROOT / "envs" / name).read_text().splitlines()]
    found = {}
    for requirement in map(Requirement, (line for line in lines if line and not line.startswith("-"))):
        [exactly] = requirement.specifier
        assert (exactly.operator, requirement.url) == ("==", None), requirement
        assert canonicalize_name(requirement.name) not in found, requirement
        found[canonicalize_name(requirement.name)] = Version(exactly.version)
    return found


RUNNING = pins("requirements.txt")
DIRECT = RUNNING | pins("development.txt")
PINNED = DIRECT | pins("constraints.txt")


def needed(name: str, extras: frozenset[str], seen: set[tuple[str, frozenset[str]]]) -> None:
    """Adds an installed package, and what it needs in turn on this machine, to those seen."""
    if (name, extras) in seen:
        return
    seen.add((name, extras))
    for text in distribution(name).requires or []:
        requirement = Requirement(text)
        wanted = (
            [requirement.marker.evaluate({"extra": extra}) for extra in ("", *extras)]
            if requirement.marker
            else [True]
        )
        if any(wanted):
            needed(canonicalize_name(requirement.name), frozenset(requirement.extras), seen)


def test_the_three_files_share_no_package_and_hold_what_the_project_needs():
    assert len(PINNED) == sum(
        len(pins(f"{name}.txt")) for name in ("requirements", "development", "constraints")
    )
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    wanted = {canonicalize_name(Requirement(text).name) for text in project["dependencies"]}
    assert wanted <= RUNNING.keys()
    assert "-c constraints.txt" in (ROOT / "envs" / "requirements.txt").read_text().splitlines()
    assert "-r requirements.txt" in (ROOT / "envs" / "development.txt").read_text().splitlines()


@pytest.fixture(scope="module")
def as_pinned():
    """Skips a test where the environment was not made from envs/development.txt."""
    try:
        differing = [
            name
            for name, version in DIRECT.items()
            if Version(distribution(name).version).public != str(version)
        ]
    except PackageNotFoundError as error:
        pytest.skip(f"this environment was not made from envs/development.txt: {error} is not installed")
    if differing:
        pytest.skip(f"this environment was not made from envs/development.txt: other {', '.join(differing)}")


def all_needed(names: Iterable[str]) -> set[str]:
    """These packages and what they need in turn on this machine, without what NOT_PINNED names."""
    seen: set[tuple[str, frozenset[str]]] = set()
    for name in names:
        needed(name, frozenset(), seen)
    return {name for name, _ in seen if not NOT_PINNED.fullmatch(name)}


@pytest.mark.usefixtures("as_pinned")
def test_all_that_is_installed_with_the_requirements_is_pinned():
    installed = {name: Version(distribution(name).version).public for name in all_needed(DIRECT)}
    assert installed == {name: str(PINNED.get(name, "not pinned")) for name in installed}


def locked() -> dict[str, tuple[Version, list[str]]]:
    """Version and hashes by name, of envs/locked.txt."""
    text = (ROOT / "envs" / "locked.txt").read_text().replace("\\\n", " ")
    found = {}
    for line in filter(None, (line.partition("#")[0].strip() for line in text.splitlines())):
        requirement, *hashes = line.split(" --hash=")
        parsed = Requirement(requirement)
        [exactly] = parsed.specifier
        found[canonicalize_name(parsed.name)] = (Version(exactly.version), [each.strip() for each in hashes])
    return found


def test_the_lock_has_the_pinned_versions_with_hashes():
    for name, (version, hashes) in locked().items():
        assert version == PINNED.get(name, version if NOT_PINNED.fullmatch(name) else None), name
        assert hashes, name
        assert all(re.fullmatch(r"sha256:[0-9a-f]{64}", each) for each in hashes), name
    assert RUNNING.keys() - locked().keys() == NOT_LOCKED


@pytest.mark.usefixtures("as_pinned")
def test_the_lock_has_all_that_the_project_needs_to_run():
    assert all_needed(RUNNING) - locked().keys() == NOT_LOCKED
