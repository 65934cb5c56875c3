"""Two workflows at once in one folder: the second ends, the first goes on, nothing is overwritten."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from killing.snapshot import STATE, WEIGHTS, snapshot
from killing.study import HOME, MODEL, NAME, TARGET, drill_study, write_study
from studies import kill, planned, snakemake, started
from waiting import wait_for

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
RUNNING = Path(".snakemake/running")
LOCKS = Path(".snakemake/locks")
DATA = HOME / "data" / "digits" / "manifest.json"
# The first has no part in it: Snakemake's own locks would let this target through.
ELSEWHERE = str(HOME / "features" / "classifier.safetensors")
WITHOUT_FLOCK = """
import errno, fcntl, os, sys
if "snakemake" in sys.orig_argv:
    def flock(*_):
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))
    fcntl.flock = flock
"""


def write_long_study(folder: Path) -> None:
    """A study whose training takes hours."""
    write_study(folder)
    study = drill_study()
    study["defaults"]["training"]["steps"] = 100_000
    study["models"][MODEL]["checkpoints"] = {"steps": [], "evaluate": "last"}
    (folder / "config" / f"{NAME}.yaml").write_text(yaml.safe_dump(study))


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A folder and the workflow that trains in it, without end."""
    folder = tmp_path_factory.mktemp("running")
    write_long_study(folder)
    with started(folder, str(WEIGHTS)) as process:
        wait_for(lambda: (folder / STATE / "previous.safetensors").exists(), process)
        yield folder, process


def refused(folder: Path, *words: str) -> str:
    """The second's output, after checking that it left the first's results alone."""
    before = snapshot(folder)
    output = snakemake(folder, *words, "--cores", "1", status=1)
    after = snapshot(folder)
    assert (after.finished, after.times) == (before.finished, before.times)
    return output


def updates(folder: Path) -> int:
    return snapshot(folder).saved_updates


@pytest.mark.parametrize("words", [(str(WEIGHTS),), (ELSEWHERE,), (ELSEWHERE, "--touch")])
def test_the_second_is_refused_and_the_first_goes_on(running, words):
    folder, first = running
    output = refused(folder, *words)
    assert f"Another workflow runs in this folder: {(folder / RUNNING).read_text()}\n" in output
    assert "Nothing was changed. Wait until it has ended, or stop it" in output
    assert "--unlock" not in output
    assert first.poll() is None
    saved = updates(folder)
    wait_for(lambda: updates(folder) > saved, first)


def test_the_lock_says_who_holds_it(running):
    folder, first = running
    holder, _, words = (folder / RUNNING).read_text().partition(": ")
    assert holder.startswith(f"process {first.pid} on {socket.gethostname()}, since 2")
    assert words.endswith(f"-d {folder} {WEIGHTS} --cores 1")


def test_a_third_is_refused_even_when_snakemakes_own_locks_are_gone(running):
    folder, first = running
    snakemake(folder, "--unlock")
    assert not list((folder / LOCKS).glob("*"))
    for _ in range(2):
        assert f"process {first.pid} on" in refused(folder, str(WEIGHTS))


def test_a_dry_run_beside_a_running_workflow_is_allowed_and_changes_nothing(running):
    folder, first = running
    holder, before = (folder / RUNNING).read_text(), snapshot(folder)
    assert planned(folder, str(WEIGHTS)) == {f"train {MODEL} 0"}
    assert first.poll() is None
    assert snapshot(folder).finished == before.finished
    assert (folder / RUNNING).read_text() == holder


@pytest.mark.parametrize(
    "words", [(TARGET, "--summary"), ("--lint",), ("--list-rules",), (TARGET, "--rulegraph")]
)
def test_looks_at_the_workflow_are_allowed(running, words):
    folder, first = running
    snakemake(folder, *words)
    assert first.poll() is None


@pytest.mark.parametrize("how", [("--mode", "remote"), ("--nolock",)])
def test_a_job_in_a_snakemake_of_its_own_is_let_through(running, how):
    """Executors start one, with both options, on a cluster's node or in another process."""
    folder, first = running
    written = (folder / DATA).stat().st_mtime_ns
    snakemake(folder, str(DATA), "--force", "--cores", "1", *how)
    assert (folder / DATA).stat().st_mtime_ns > written
    assert first.poll() is None


def test_a_verb_of_ddpm_is_let_through(running, tmp_path):
    folder, first = running
    verb = [Path(sys.executable).with_name("ddpm"), "plan", f"config/{NAME}.yaml", "--step-time", "0.1"]
    subprocess.run(verb, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert first.poll() is None


def test_after_a_kill_one_of_two_starts_goes_on(tmp_path):
    write_long_study(tmp_path)
    with started(tmp_path, str(WEIGHTS)) as killed:
        wait_for(lambda: (tmp_path / STATE / "previous.safetensors").exists(), killed)
        kill(killed)
    assert list((tmp_path / LOCKS).iterdir())
    saved = updates(tmp_path)
    with (
        started(tmp_path, str(WEIGHTS), output="one.txt") as one,
        started(tmp_path, TARGET, output="other.txt") as other,
    ):
        wait_for(lambda: one.poll() is not None or other.poll() is not None)
        ended, living, output = (one, other, "one") if one.poll() is not None else (other, one, "other")
        assert ended.returncode == 1
        said = f"Another workflow runs in this folder: process {living.pid} on "
        assert said in (tmp_path / f"{output}.txt").read_text()
        wait_for(lambda: updates(tmp_path) > saved, living)
        assert list((tmp_path / LOCKS).iterdir())


def test_a_dry_run_after_a_kill_sees_no_lock(tmp_path):
    write_long_study(tmp_path)
    with started(tmp_path, str(WEIGHTS)) as killed:
        wait_for(lambda: list((tmp_path / LOCKS).glob("*")), killed)
        kill(killed)
    assert list((tmp_path / LOCKS).iterdir())
    assert "cannot be locked" not in snakemake(tmp_path, str(WEIGHTS), "-n")


def test_without_flock_snakemakes_own_lock_decides(tmp_path, monkeypatch):
    (tmp_path / "patch").mkdir()
    (tmp_path / "patch" / "sitecustomize.py").write_text(WITHOUT_FLOCK)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "patch"), prepend=os.pathsep)
    write_long_study(tmp_path)
    with started(tmp_path, str(WEIGHTS)) as first:
        wait_for(lambda: list((tmp_path / LOCKS).glob("*")), first)
        output = snakemake(tmp_path, str(WEIGHTS), "--cores", "1", status=1)
    assert "this file system knows no locks" in output
    assert "Directory cannot be locked" in output
    assert list((tmp_path / LOCKS).iterdir())
    snakemake(tmp_path, str(WEIGHTS), "-n")
    assert list((tmp_path / LOCKS).iterdir())
