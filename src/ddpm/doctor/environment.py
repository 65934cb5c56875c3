"""Python, and the installed versions beside those that were tested together."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from importlib import metadata
from pathlib import Path

from ddpm.doctor.finding import Finding, failed, ok, unused, warning

OLDEST = (3, 11)
PINS = Path("envs/requirements.txt")
# Those that some uses alone need: their own checks say whether they are missing.
OPTIONAL = frozenset({"dvc", "snakemake-executor-plugin-slurm", "shtab"})
_PIN = re.compile(r"^([\w.-]+)==([\w.+!-]+)", re.MULTILINE)
_INSTALL = f"pip install -r {PINS}"


def python(version: tuple[int, ...] = sys.version_info[:3]) -> Iterator[Finding]:
    """Whether this Python is new enough."""
    text = f"{'.'.join(map(str, version))}, {sys.executable}"
    if version[:2] < OLDEST:
        yield failed("Python", text, "install Python 3.11 or newer, and `make PYTHON=python3.11 demo`")
    else:
        yield ok("Python", text)


def packages(pins: Path | None, installed: Callable[[str], str | None] | None = None) -> Iterator[Finding]:
    """Which installed versions differ from the pinned ones.

    Args:
        pins: a requirements file, or None where there is none.
        installed: gives the version of a package, or None; by default, of this environment.
    """
    if pins is None:
        yield unused("packages", f"there is no {PINS} here to compare the installed versions with")
        return
    find = installed or _installed
    wanted = dict(_PIN.findall(pins.read_text(encoding="utf-8")))
    found = {name: find(name) for name in wanted}
    missing = [name for name, version in found.items() if version is None and name not in OPTIONAL]
    # A build for one kind of machine has a name behind a plus sign: 2.13.0+cpu.
    others = [
        f"{name} {version} (tested: {wanted[name]})"
        for name, version in found.items()
        if version is not None and version.partition("+")[0] != wanted[name]
    ]
    if missing:
        yield failed("packages", f"not installed: {', '.join(missing)}", _INSTALL)
    if others:
        text = f"other versions than those that were tested together: {', '.join(others)}"
        yield warning("packages", text, f"{_INSTALL}, if something does not work")
    if not missing and not others:
        yield ok("packages", f"the {len(wanted)} versions of {PINS}")


def pins_file() -> Path | None:
    """envs/requirements.txt of the working folder, or of the checkout that the package lies in."""
    places = (PINS, Path(__file__).parents[3] / PINS)
    return next((place for place in places if place.is_file()), None)


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
