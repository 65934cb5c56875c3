"""Temporary files: those of killed writers go, those in use stay, whoever writes."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from matplotlib.figure import Figure
from waiting import PATIENCE

from ddpm.artefacts.figures.drawing import save_image
from ddpm.data.arrays import write_array
from ddpm.errors import OutputError
from ddpm.network.weights import save_weights
from ddpm.records import files
from ddpm.records.files import atomic_path, link_or_copy, write_bytes, write_text
from ddpm.records.measurements import Measurement, write_measurements
from ddpm.records.temporary_files import Lock, try_lock
from ddpm.records.traced_files import write_arrays, write_frame

# Writes half a file, says so, and waits.
WRITER = """
import sys
from ddpm.records.files import atomic_path
with atomic_path(sys.argv[1]) as temporary:
    temporary.write_text("of the other writer")
    print(temporary, flush=True)
    sys.stdin.readline()
"""


@pytest.fixture
def writer(tmp_path):
    """Starts writers of a file in processes of their own; gives each with its temporary file."""
    started = []

    def start(name: str) -> tuple[subprocess.Popen, Path]:
        process = subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / name)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, Path(process.stdout.readline().strip())

    yield start
    for process in started:
        process.kill()
        process.wait()


def kill(process: subprocess.Popen) -> None:
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_the_next_writer_removes_what_a_killed_one_left(tmp_path, writer):
    process, left = writer("table.csv")
    other, others = writer("table2.csv")
    kill(process)
    kill(other)
    assert left.exists()
    write_text(tmp_path / "table.csv", "new")
    assert not left.exists()
    # That of another target waits for its own writer.
    assert sorted(tmp_path.iterdir()) == sorted([others, tmp_path / "table.csv"])


def test_two_live_writers_of_one_target(tmp_path, writer):
    process, held = writer("table.csv")
    write_text(tmp_path / "table.csv", "of this writer")
    assert held.exists()
    assert (tmp_path / "table.csv").read_text() == "of this writer"
    process.communicate("go on\n", timeout=PATIENCE)
    assert process.returncode == 0
    assert (tmp_path / "table.csv").read_text() == "of the other writer"
    assert list(tmp_path.iterdir()) == [tmp_path / "table.csv"]


def test_two_writers_in_one_process(tmp_path):
    with atomic_path(tmp_path / "a.csv") as first, atomic_path(tmp_path / "a.csv") as second:
        assert first != second
        assert first.exists()
        first.write_text("first")
        second.write_text("second")
    assert (tmp_path / "a.csv").read_text() == "first"
    assert len(list(tmp_path.iterdir())) == 1


def test_without_locks_nothing_is_removed(tmp_path, writer, monkeypatch):
    process, left = writer("table.csv")
    kill(process)

    def no_locks(handle, operation):
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr("fcntl.flock", no_locks)
    write_text(tmp_path / "table.csv", "new")
    assert (tmp_path / "table.csv").read_text() == "new"
    assert left.exists()


def test_names_that_only_look_alike_stay(tmp_path):
    kept = [".a.0123.partial.csv", ".a.01234567.partial.json", ".ab.01234567.partial.csv", "a.partial.csv"]
    for name in kept:
        (tmp_path / name).write_text("x")
    (tmp_path / ".a.01234567.partial.csv").write_text("x")
    write_text(tmp_path / "a.csv", "new")
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([*kept, "a.csv"])


def test_a_writer_that_takes_a_file_for_abandoned_before_it_is_locked(tmp_path, monkeypatch):
    """The first file is gone when its lock is had: another one is made."""
    tries = []

    def lock_late(handle: int) -> Lock:
        tries.append(handle)
        if len(tries) == 1:
            next(tmp_path.iterdir()).unlink()
        return try_lock(handle)

    monkeypatch.setattr("ddpm.records.temporary_files.try_lock", lock_late)
    write_text(tmp_path / "a.csv", "new")
    assert len(tries) == 2
    assert (tmp_path / "a.csv").read_text() == "new"


def measurement() -> Measurement:
    return Measurement("s", "m", "FID", 3.17, 4, "p", "trained", "abc", "c", "h")


def figure(path: Path) -> None:
    drawn = Figure()
    drawn.add_subplot().plot([1, 2])
    save_image(drawn, path)


def array(path: Path) -> None:
    with atomic_path(path) as temporary:
        write_array(path, temporary, np.arange(50_000))


WRITERS = {
    "a.txt": lambda path: write_bytes(path, b"x" * 100_000),
    "a.npz": lambda path: write_arrays(path, {"x": np.arange(50_000)}, {}),
    "a.npy": array,
    "frame.parquet": lambda path: write_frame(path, pd.DataFrame({"x": range(50_000)}), {}),
    "rows.parquet": lambda path: write_measurements(path, [measurement()]),
    "a.safetensors": lambda path: save_weights(path, {"x": torch.zeros(50_000)}, {}),
    "a.png": figure,
    "a.pdf": figure,
}


@pytest.mark.parametrize("name", WRITERS)
def test_every_writer_keeps_the_file_that_holds_the_lock(name, tmp_path, monkeypatch):
    """Until it is renamed, nobody else can take it for abandoned."""
    seen = []
    replace = os.replace

    def look_and_replace(source, target):
        handle = os.open(source, os.O_RDWR)
        seen.append(try_lock(handle))
        os.close(handle)
        replace(source, target)

    monkeypatch.setattr(files.os, "replace", look_and_replace)
    WRITERS[name](tmp_path / name)
    assert seen == [Lock.BUSY]
    assert (tmp_path / name).stat().st_size > 100


def test_a_second_name(tmp_path, monkeypatch):
    write_text(tmp_path / "kept", "content")
    write_text(tmp_path / "name", "old")
    link_or_copy(tmp_path / "kept", tmp_path / "name")
    link_or_copy(tmp_path / "kept", tmp_path / "name")
    assert os.path.samefile(tmp_path / "kept", tmp_path / "name")

    def no_links(source, target):
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr("os.link", no_links)
    link_or_copy(tmp_path / "kept", tmp_path / "copy")
    assert (tmp_path / "copy").read_text() == "content"
    assert not os.path.samefile(tmp_path / "kept", tmp_path / "copy")
    assert len(list(tmp_path.iterdir())) == 3
    with pytest.raises(OutputError, match="cannot be written"):
        link_or_copy(tmp_path / "nothing", tmp_path / "name")
    assert (tmp_path / "name").read_text() == "content"
