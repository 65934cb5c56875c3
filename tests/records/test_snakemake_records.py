"""Snakemake's records: found where it keeps them, copied beside the results, given back to the same files."""

import json
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.records import snakemake_records
from ddpm.records.snakemake_records import RECORDS, keep_records, read_kept, take_over_records

HOME = "results/demo"
KEPT = Path(HOME, "records.json")
FILE = f"{HOME}/tables/table1.csv"
# As long as to need a folder of its own in the name of its record.
LONG = f"{HOME}/samples/{'model' * 30}/seed0/sampling0/{'shard' * 20}.npz"


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def make(file: str, content: str, **record) -> None:
    """A file, and Snakemake's record of it."""
    for path, text in ((Path(file), content), (snakemake_records._place(file), json.dumps(record))):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def records() -> list[Path]:
    return [path for path in RECORDS.rglob("*") if path.is_file()]


@given(st.text("abcdefghij/_.0123456789é", min_size=1, max_size=600))
def test_records_lie_where_snakemake_keeps_them(file):
    from snakemake.persistence.file import FilePersistence

    class Longest:
        def _fetch_max_len(self, subject):
            return 255

    assert FilePersistence._record_path(Longest(), str(RECORDS), file) == str(snakemake_records._place(file))


def test_a_copy_gives_a_clone_its_records(tmp_path):
    make(FILE, "a", rule="table", params=["x"])
    make(LONG, "b", rule="sample")
    make("results/other/table1.csv", "c", rule="table")
    make("results/table1.csv", "d", rule="table")
    keep_records(HOME)
    assert read_kept(HOME).keys() == {FILE, LONG}
    for path in records():
        path.unlink()
    assert take_over_records(HOME) == 2
    assert json.loads(snakemake_records._place(FILE).read_text()) == {"rule": "table", "params": ["x"]}
    assert take_over_records(HOME) == 0
    assert len(records()) == 2


def test_the_papers_records_are_those_of_no_other_study():
    for file in ("results/table1.csv", "results/samples/m/seed0/s.npz", FILE, "resources/archive.tar.gz"):
        make(file, "x", rule="r")
    keep_records("results")
    assert read_kept("results").keys() == {"results/table1.csv", "results/samples/m/seed0/s.npz"}


@pytest.mark.parametrize("content", ["longer than it was", "A", None])
def test_a_file_that_differs_keeps_the_record_that_it_has(content):
    make(FILE, "a", rule="old")
    keep_records(HOME)
    if content is None:
        Path(FILE).unlink()
    else:
        make(FILE, content, rule="new")
    before = {path: path.read_text() for path in records()}
    assert take_over_records(HOME) == 0
    assert {path: path.read_text() for path in records()} == before


def test_records_of_another_version_of_the_same_file_are_replaced():
    """A clone that had made the file itself, before results were pulled."""
    make(FILE, "a", rule="table", params=["pulled"])
    keep_records(HOME)
    make(FILE, "a", rule="table", params=["own"])
    assert take_over_records(HOME) == 1
    assert json.loads(snakemake_records._place(FILE).read_text())["params"] == ["pulled"]


def test_the_record_of_a_file_that_was_just_made_here_stays():
    """Another workflow may have made it with other settings and the same content, and not ended yet."""
    make(FILE, "a", rule="table", params=["before"])
    keep_records(HOME)
    make(FILE, "a", rule="table", params=["now"], endtime=1e9 + 0.25)
    os.utime(FILE, (1e9, 1e9 + 0.25))
    assert take_over_records(HOME) == 0
    os.utime(FILE, (1e9, 1e9))
    assert take_over_records(HOME) == 1


def test_what_is_not_there_now_stays_in_the_copy_and_nothing_is_written_in_vain():
    make(FILE, "a", rule="table")
    make(LONG, "b", rule="sample")
    keep_records(HOME)
    Path(LONG).unlink()
    before = KEPT.stat()
    keep_records(HOME)
    assert KEPT.stat().st_mtime_ns == before.st_mtime_ns
    make(FILE, "aa", rule="table", params=[1])
    keep_records(HOME)
    kept = read_kept(HOME)
    assert kept[FILE]["size"] == 2
    assert kept.keys() == {FILE, LONG}


@pytest.mark.parametrize("content", ["", "[]", '{"a": 1}', '{"a": {"size": 3}}', "\xff"])
def test_a_damaged_copy_is_as_none(content):
    KEPT.parent.mkdir(parents=True)
    KEPT.write_text(content, encoding="latin-1")
    assert read_kept(HOME) == {}
    assert take_over_records(HOME) == 0


def test_damaged_records_are_passed_over():
    make(FILE, "a", rule="table")
    (RECORDS / "not base64!").write_text("{}")
    snakemake_records._place(LONG).parent.mkdir(parents=True, exist_ok=True)
    snakemake_records._place(LONG).write_text("{")
    keep_records(HOME)
    assert read_kept(HOME).keys() == {FILE}
