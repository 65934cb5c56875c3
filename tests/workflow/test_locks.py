"""The lock of a working folder: who gets it, who waits, who is refused, and what it says."""

import contextlib
import errno
import fcntl
import os
import socket
import sys

import pytest
from studies import snakemake, tiny_study, write_study

from ddpm import workflow_lock
from ddpm.workflow_lock import AnotherWorkflowError, NoLocksError, in_turn, looking, remove_stale_locks, take


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(workflow_lock, "_PATIENCE", 0.1)
    return tmp_path


@pytest.fixture
def no_locks(monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)


def no_wait(sentence):
    raise AssertionError(sentence)


def snakemakes_lock():
    lock = workflow_lock.FOLDER / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True, exist_ok=True)
    lock.touch()
    return lock


def test_a_second_is_refused_and_told_who_holds_the_lock(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["snakemake", "all", "--config", "name=two words"])
    with take(no_wait), pytest.raises(AnotherWorkflowError) as refused:
        take(no_wait)
    text = str(refused.value)
    assert f"process {os.getpid()} on {socket.gethostname()}, since 2" in text
    assert text.splitlines()[0].endswith(": snakemake all --config 'name=two words'")
    assert "Wait until it has ended, or stop it" in text
    assert "unlock" not in text


def test_the_lock_can_be_had_again_and_then_names_its_new_holder(monkeypatch):
    monkeypatch.setattr(sys, "argv", ["snakemake", "a_target_with_a_long_name"])
    take(no_wait).close()
    monkeypatch.setattr(sys, "argv", ["snakemake"])
    with take(no_wait):
        assert workflow_lock.RUNNING.read_text().endswith(": snakemake")


def test_a_child_does_not_hold_the_lock():
    with take(no_wait) as lock:
        assert not os.get_inheritable(lock.fileno())


def test_looks_share_the_lock_and_a_run_waits_for_them():
    looks, said = contextlib.ExitStack(), []
    assert looks.enter_context(looking())
    assert looks.enter_context(looking())

    def leave(sentence):
        said.append(sentence)
        looks.close()

    with take(leave):
        assert len(said) == 1


def test_a_look_beside_a_run_is_told_so_at_once():
    with take(no_wait):
        with looking() as alone:
            assert not alone
        with pytest.raises(AnotherWorkflowError):
            take(no_wait)
    with looking() as alone:
        assert alone


def test_stale_locks_of_snakemake_are_removed():
    lock = snakemakes_lock()
    remove_stale_locks()
    assert not lock.exists()
    remove_stale_locks()


def test_blocks_of_one_name_follow_one_another():
    with in_turn("settling"), open(workflow_lock.FOLDER / "settling", "r+b") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with in_turn("something else"):
            pass
    with open(workflow_lock.FOLDER / "settling", "r+b") as other:
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_where_there_are_no_locks_snakemakes_own_count(no_locks):
    with pytest.raises(
        NoLocksError, match=r"\.snakemake/running: this file system knows no locks \(No locks"
    ):
        take(no_wait)
    with looking() as alone, in_turn("settling"):
        assert alone
    lock = snakemakes_lock()
    with looking() as alone:
        assert not alone
    assert lock.exists()


def test_a_file_that_cannot_be_opened_is_named(folder):
    workflow_lock.RUNNING.mkdir(parents=True)
    with pytest.raises(NoLocksError, match=r"\.snakemake/running: cannot be opened for writing"):
        take(no_wait)
    with looking() as alone:
        assert alone


def test_a_full_disk_takes_the_text_but_not_the_lock(small_disk, monkeypatch):
    monkeypatch.chdir(small_disk)
    workflow_lock.FOLDER.mkdir()
    workflow_lock.RUNNING.touch()
    with contextlib.suppress(OSError), open("ballast", "wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    with take(no_wait), pytest.raises(AnotherWorkflowError, match="running does not say which"):
        take(no_wait)
    monkeypatch.chdir("/")


@pytest.mark.workflow
def test_stored_results_are_looked_at_only_if_no_workflow_runs(folder):
    write_study(folder, tiny_study())
    (folder / "dvc.lock").write_text("<<<<<<< HEAD\n")
    words = ("results/tiny/data/digits/manifest.json", "-n")
    with take(no_wait):
        assert "dvc.lock" not in snakemake(folder, *words)
    assert "dvc.lock: not a lock file of DVC" in snakemake(folder, *words)
