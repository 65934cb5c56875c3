"""A signed lock: who gets it, what it says of its holder, and where there are no locks."""

import contextlib
import errno
import os
import socket
import subprocess
import sys

import pytest

from ddpm.errors import OutputError
from ddpm.records.locks import NoLocksError, SignedLock

HOLD = (
    "import sys; from ddpm.records.locks import SignedLock; lock = SignedLock(sys.argv[1]); lock.take(); "
    "print('taken', flush=True); input()"
)


@pytest.fixture
def path(tmp_path):
    return tmp_path / "folder" / "lock"


def test_one_at_a_time_and_the_holder_is_named(path):
    first, second = SignedLock(path, note="snakemake all"), SignedLock(path)
    assert first.take()
    assert not second.take()
    assert second.holder().startswith(f"process {os.getpid()} on {socket.gethostname()}, since 2")
    assert second.holder().endswith(": snakemake all")
    first.release()
    assert not path.exists()
    assert second.take()
    assert second.holder().partition(", since")[2].count(": ") == 0
    second.release()


def test_the_lock_of_a_killed_process_can_be_had(path):
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with holder:
        assert holder.stdout.readline() == "taken\n"
        lock = SignedLock(path)
        assert not lock.take()
        assert f"process {holder.pid} on" in lock.holder()
        holder.kill()
        holder.wait()
    assert path.exists()
    assert lock.take()
    assert f"process {os.getpid()} on" in lock.holder()
    lock.release()


def test_a_lock_of_a_removed_file_is_none(path):
    """Whoever took it meanwhile holds a file that nobody else finds."""
    first, second = SignedLock(path), SignedLock(path)
    assert first.take()
    path.unlink()
    assert second.take()
    assert not SignedLock(path).take()
    second.release()
    first.release()


def test_a_file_without_locks(path, monkeypatch):
    def refuse(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    with pytest.raises(NoLocksError, match=r"lock: this file system knows no locks \(No locks"):
        SignedLock(path).take()


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError, match="cannot be written"):
        SignedLock(tmp_path / "file" / "lock").take()


def test_a_full_disk_takes_the_text_but_not_the_lock(small_disk):
    path = small_disk / "lock"
    path.touch()
    with contextlib.suppress(OSError), (small_disk / "ballast").open("wb", buffering=0) as ballast:
        while True:
            ballast.write(bytes(4096))
    lock = SignedLock(path)
    assert lock.take()
    assert not SignedLock(path).take()
    assert "does not say which" in lock.holder()
    lock.release()
