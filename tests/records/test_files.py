"""Files are whole or not there; a failed write names the remedy and changes nothing."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from ddpm.errors import DataError, OutputError
from ddpm.records.files import atomic_path, require_writable, sha256, write_text
from ddpm.records.measurements import SCHEMA, Measurement, read_measurements, write_measurements
from ddpm.records.traced_files import read_arrays, read_frame, read_provenance, write_arrays, write_frame

NOBODY = 65534


@pytest.fixture
def ordinary_user(tmp_path):
    """Takes root's rights away while a test runs: root writes anywhere."""
    tmp_path.chmod(0o755)
    if os.geteuid() != 0:
        yield
        return
    for folder in [tmp_path, *tmp_path.parents]:
        if folder.owner() == "root" and folder.name.startswith("pytest"):
            folder.chmod(0o755)
    os.seteuid(NOBODY)
    yield
    os.seteuid(0)


def test_a_failed_write_leaves_the_old_file(tmp_path):
    path = tmp_path / "table.csv"
    write_text(path, "old")

    def write_half():
        with atomic_path(path) as temporary:
            temporary.write_text("half of the n")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        write_half()
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_full_disk(small_disk):
    path = small_disk / "samples.npz"
    write_arrays(path, {"x": np.zeros(10)}, {})
    before = sha256(path)
    with pytest.raises(
        OutputError, match=r"samples\.npz: cannot be written \(the disk is full: free some space"
    ):
        write_arrays(path, {"x": np.random.default_rng(0).bytes(600_000)}, {})
    assert sha256(path) == before
    assert list(small_disk.iterdir()) == [path]


@pytest.mark.usefixtures("ordinary_user")
def test_a_read_only_folder(tmp_path):
    with pytest.raises(OutputError, match="permission denied: make the folder writable"):
        require_writable("/usr/ddpm-results")
    with pytest.raises(OutputError, match=r"/usr/table\.csv: cannot be written"):
        write_text(Path("/usr/table.csv"), "x")


def test_a_file_where_a_folder_should_be(tmp_path):
    (tmp_path / "results").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        require_writable(tmp_path / "results" / "demo")


def test_arrays_carry_their_provenance(tmp_path):
    path = tmp_path / "a.npz"
    write_arrays(path, {"x": np.arange(3), "y": np.zeros((2, 2), np.uint8)}, {"status": "trained", "seed": 1})
    assert read_provenance(path) == {"status": "trained", "seed": 1}
    assert set(read_arrays(path)) == {"x", "y"}
    assert read_arrays(path, "x")["x"].tolist() == [0, 1, 2]
    with pytest.raises(DataError, match=r"a\.npz: not a readable array file"):
        read_arrays(path, "z")
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(DataError, match="delete it and run again"):
        read_arrays(path)
    with pytest.raises(DataError, match=r"b\.npz: no such file; make it with `snakemake"):
        read_arrays(tmp_path / "b.npz")


def test_frames_carry_their_provenance(tmp_path):
    path = tmp_path / "a.parquet"
    frame = pd.DataFrame({"t": [1, 2], "terms": [[0.5, 1.0], [2.0, 3.0]]})
    write_frame(path, frame, {"model": "x"})
    assert read_provenance(path) == {"model": "x"}
    assert read_frame(path)["terms"][1].tolist() == [2.0, 3.0]
    path.write_bytes(b"PAR1")
    with pytest.raises(DataError, match="not a readable Parquet file"):
        read_frame(path)


def row(**changes) -> Measurement:
    values = {"study": "s", "model": "m", "metric": "FID", "value": 3.17, "n": 50_000, "protocol": "p"}
    values |= {"status": "trained", "settings": "abc", "git_commit": "c", "hardware": "h"}
    return Measurement(**(values | changes))


def test_measurements_round_trip(tmp_path):
    write_measurements(tmp_path / "a.parquet", [row(training_seed=1, split="train"), row(value=float("nan"))])
    write_measurements(tmp_path / "b.parquet", [row(metric="IS", spread=0.1, reverse_steps=50)])
    frame = read_measurements([tmp_path / "a.parquet", tmp_path / "b.parquet"])
    assert list(frame.columns) == SCHEMA.names
    assert frame["training_seed"].tolist() == [1, pd.NA, pd.NA]
    assert frame["value"].isna().tolist() == [False, True, False]
    assert frame["reverse_steps"].tolist()[2] == 50


def test_measurements_of_another_shape_are_refused(tmp_path):
    write_frame(tmp_path / "a.parquet", pd.DataFrame({"x": [1]}), {})
    with pytest.raises(DataError, match=r"columns \['x'\] differ"):
        read_measurements([tmp_path / "a.parquet"])


def test_who_reads_the_old_file_goes_on_reading_it(tmp_path):
    """The new one takes its name at once, and is on the disk by then."""
    path = tmp_path / "table.csv"
    write_text(path, "old and long")
    with path.open() as reader:
        assert reader.read(4) == "old "
        write_text(path, "new")
        assert reader.read() == "and long"
    assert path.read_text() == "new"


def test_the_content_is_on_the_disk_before_the_name(tmp_path, monkeypatch):
    path, events = tmp_path / "table.csv", []
    sync, replace = os.fsync, os.replace

    def noted_sync(handle):
        events.append(os.fstat(handle).st_ino)
        sync(handle)

    def noted_replace(source, target):
        events.append(str(target))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", noted_sync)
    monkeypatch.setattr(os, "replace", noted_replace)
    write_text(path, "content")
    assert events == [path.stat().st_ino, str(path), tmp_path.stat().st_ino]
