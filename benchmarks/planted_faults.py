"""Plants small faults in a copy of the project, one at a time, and runs the tests that stand near.

    python benchmarks/planted_faults.py

The table of what was caught and what survived is benchmarks/results/planted_faults.md. Exit status 1 if a
fault survives.
"""

from __future__ import annotations

import argparse
import io
import os
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Sequence
from pathlib import Path

from planting.faults import FAULTS, Fault

ROOT = Path(__file__).parents[1]
REPORT = ROOT / "benchmarks/results/planted_faults.md"
# What pytest exits with where a test failed, and where all passed.
_PASSED, _FAILED = 0, 1


def main() -> int:
    """Plants all faults; returns the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--first", type=int, default=0, help="begin with this fault, counted from 0")
    parser.add_argument("--report", type=Path, default=REPORT)
    options = parser.parse_args()
    commit = _git("rev-parse", "--short", "HEAD").decode().strip()
    results: list[tuple[Fault, bool]] = []
    with tempfile.TemporaryDirectory(prefix="planted-") as folder:
        with tarfile.open(fileobj=io.BytesIO(_git("archive", "HEAD"))) as archive:
            archive.extractall(folder, filter="data")
        for fault in FAULTS[options.first :]:
            caught = is_caught(Path(folder), fault)
            results.append((fault, caught))
            print("caught  " if caught else "SURVIVED", fault.file, repr(fault.planted), flush=True)
            options.report.write_text(_report(results, commit), encoding="utf-8")
    return 0 if all(caught for _, caught in results) else 1


def is_caught(folder: Path, fault: Fault) -> bool:
    """Whether a test fails with the fault in the copy in `folder`, which is restored.

    Raises:
        ValueError: the fault's text is not found exactly once.
        RuntimeError: pytest did not run the tests.
    """
    path = folder / "src/ddpm" / fault.file
    whole = path.read_text(encoding="utf-8")
    if whole.count(fault.text) != 1:
        raise ValueError(f"{fault.file}: {fault.text!r} is found {whole.count(fault.text)} times, not once")
    path.write_text(whole.replace(fault.text, fault.planted), encoding="utf-8")
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *fault.tests]
    environment = os.environ | {"PYTHONPATH": str(folder / "src"), "PYTHONDONTWRITEBYTECODE": "1"}
    try:
        status = subprocess.run(command, cwd=folder, env=environment, capture_output=True).returncode
    finally:
        path.write_text(whole, encoding="utf-8")
    if status not in (_PASSED, _FAILED):
        raise RuntimeError(f"{fault.file}: pytest ended with status {status}")
    return status == _FAILED


def _git(*words: str) -> bytes:
    return subprocess.run(["git", *words], cwd=ROOT, check=True, capture_output=True).stdout


def _report(results: Sequence[tuple[Fault, bool]], commit: str) -> str:
    survived = sum(not caught for _, caught in results)
    lines = [
        "# Planted faults",
        "",
        f"Commit {commit}: {len(results)} of {len(FAULTS)} planted, {len(results) - survived} caught by the "
        f"tests near them, {survived} survived.",
        "",
        "| file | text | planted | |",
        "|---|---|---|---|",
    ]
    for fault, caught in results:
        texts = " | ".join(f"`{' '.join(t.split())}`" for t in (fault.text, fault.planted))
        lines.append(f"| {fault.file} | {texts} | {'caught' if caught else 'survived'} |")
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
