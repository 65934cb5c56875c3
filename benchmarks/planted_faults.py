"""Plants small faults in a copy of the sources, one at a time, and runs the tests that stand nearest.

    python benchmarks/planted_faults.py --jobs 2           all faults of planted_faults.yaml, two at a time
    python benchmarks/planted_faults.py --only sampler     those whose file or tests contain a word

A fault that no test catches survives. The exit status is the number of survivors. A fault whose text is not
found exactly once in its file, and nearest tests that fail without any fault, are errors.
"""

from __future__ import annotations

import argparse
import dataclasses
import os
import queue
import shlex
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import yaml

ROOT = Path(__file__).resolve().parents[1]
FAULTS = Path(__file__).with_suffix(".yaml")
RESULT = Path(__file__).parent / "results" / "planted_faults.md"
# pytest's exit status where tests ran and some failed; others mean that none was run.
FAILED = 1
SECONDS = 1200


@dataclasses.dataclass(frozen=True)
class Fault:
    """One fault: what stands in a file of src/ddpm, what is put in its place, and the nearest tests.

    `tests` are pytest's arguments, the paths relative to tests/.
    """

    file: str
    text: str
    planted: str
    tests: str

    @property
    def words(self) -> list[str]:
        """pytest's arguments from the root of the copy."""
        return [f"tests/{word}" if ".py" in word else word for word in shlex.split(self.tests)]


class FaultError(Exception):
    """A fault that cannot be planted or judged."""


def main() -> int:
    """Plants the faults; returns the number of survivors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default="", help="plant the faults whose file or tests contain this")
    parser.add_argument("--jobs", type=int, default=1, help="so many faults at a time, each in its own copy")
    arguments = parser.parse_args()
    faults = [fault for fault in listed() if arguments.only in f"{fault.file} {fault.tests}"]
    # Now: the checkout may go on while its copies are tested.
    commit = git("rev-parse", "--short", "HEAD").strip()
    with tempfile.TemporaryDirectory(prefix="ddpm-faults-") as folder:
        copies: queue.SimpleQueue[Path] = queue.SimpleQueue()
        for number in range(arguments.jobs):
            copies.put(copied(Path(folder) / str(number)))
        first = copies.get()
        for fault in faults:
            planted(first, fault)
        files = dict.fromkeys(word for fault in faults for word in fault.words if word.endswith(".py"))
        if status := run_tests(first, files):
            raise FaultError(f"the nearest tests fail without any fault (pytest's exit status {status})")
        copies.put(first)

        def caught(fault: Fault) -> bool:
            copy = copies.get()
            try:
                return is_caught(copy, fault)
            finally:
                copies.put(copy)

        with ThreadPoolExecutor(arguments.jobs) as pool:
            outcomes = list(pool.map(caught, faults))
    survivors = [fault for fault, found in zip(faults, outcomes, strict=True) if not found]
    page = report(commit, faults, survivors)
    print(page)
    if not arguments.only:
        RESULT.write_text(page, encoding="utf-8")
    return len(survivors)


def listed() -> list[Fault]:
    """The faults of planted_faults.yaml."""
    return [Fault(*row) for row in yaml.safe_load(FAULTS.read_text(encoding="utf-8"))]


def copied(copy: Path) -> Path:
    """Copies what git tracks, as it is in the working tree, into a new folder."""
    for name in filter(None, git("ls-files", "-z").split("\0")):
        if (ROOT / name).is_file():
            (copy / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, copy / name)
    return copy


def planted(copy: Path, fault: Fault) -> str:
    """The content of a fault's file with the fault.

    Raises:
        FaultError: the text is not there exactly once.
    """
    content = (copy / "src/ddpm" / fault.file).read_text(encoding="utf-8")
    if (count := content.count(fault.text)) != 1:
        raise FaultError(f"{fault.file}: {fault.text!r} is found {count} times, not once")
    return content.replace(fault.text, fault.planted)


def is_caught(copy: Path, fault: Fault) -> bool:
    """Whether the nearest tests fail with a fault, or do not end; the copy is as before afterwards.

    Raises:
        FaultError: pytest found no tests, or was told nonsense.
    """
    path = copy / "src/ddpm" / fault.file
    sound = path.read_text(encoding="utf-8")
    path.write_text(planted(copy, fault), encoding="utf-8")
    try:
        status = run_tests(copy, fault.words, SECONDS)
    except subprocess.TimeoutExpired:
        status = FAILED
    finally:
        path.write_text(sound, encoding="utf-8")
    # Errors while tests are collected (2) come of a fault that breaks an import.
    if status not in (0, FAILED, 2):
        raise FaultError(f"{fault.tests}: pytest's exit status was {status}")
    print("caught  " if status else "SURVIVED", f"{fault.file}: {fault.planted}", flush=True)
    return bool(status)


def run_tests(copy: Path, words: Iterable[str], seconds: float | None = None) -> int:
    """The exit status of pytest in the copy."""
    # Without compiled files, whose time of change does not tell two plantings of one second apart.
    environment = os.environ | {"PYTHONPATH": str(copy / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *words]
    run = subprocess.run(command, cwd=copy, env=environment, capture_output=True, timeout=seconds)
    return run.returncode


def git(*words: str) -> str:
    """What git prints in this checkout."""
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True, text=True).stdout


def report(commit: str, faults: list[Fault], survivors: list[Fault]) -> str:
    """The page: counts, commit, and a table of all faults."""
    lines = [
        "# Planted faults",
        "",
        f"{len(faults)} planted at {commit}, {len(faults) - len(survivors)} caught by the "
        f"nearest tests, {len(survivors)} survived.",
        "",
        "| file | planted | in place of | nearest tests | |",
        "|---|---|---|---|---|",
    ]
    for fault in faults:
        cells = [fault.file, _code(fault.planted), _code(fault.text), fault.tests]
        lines.append(f"| {' | '.join(cells)} | {'survived' if fault in survivors else 'caught'} |")
    return "\n".join(lines) + "\n"


def _code(text: str) -> str:
    flat = " ".join(text.split()).replace("|", "\\|")
    return f"`{flat}`" if flat else "nothing"


if __name__ == "__main__":
    sys.exit(main())
