"""Two workflows at once in one folder: the second ends, the first goes on, nothing is overwritten."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from killing.results import digests, saved_updates
from killing.study import HOME, MODEL, NAME, TARGET, drill_study, write_study
from studies import kill, planned, snakemake, started
from waiting import wait_for

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
DATA = HOME / "data" / "digits" / "manifest.json"
# Of another study in the folder: the first has no part in it.
ELSEWHERE = "results/other/data/digits/manifest.json"


def write_long_study(folder: Path) -> None:
    """A study whose training takes hours."""
    study = drill_study()
    study["defaults"]["training"]["steps"] = 100_000
    study["models"][MODEL]["checkpoints"] = {"steps": [], "evaluate": "last"}
    write_study(folder, study)
    shutil.copy(folder / "config" / f"{NAME}.yaml", folder / "config" / "other.yaml")


@pytest.fixture(scope="module")
def running(tmp_path_factory):
    """A folder and the workflow that trains in it, without end."""
    folder = tmp_path_factory.mktemp("running")
    write_long_study(folder)
    with started(folder, TARGET) as process:
        wait_for(lambda: saved_updates(folder) > 0, process)
        yield folder, process


def goes_on(folder: Path, process: subprocess.Popen) -> None:
    """Waits until the workflow has saved more updates."""
    saved = saved_updates(folder)
    wait_for(lambda: saved_updates(folder) > saved, process)


@pytest.mark.parametrize("words", [(TARGET,), (ELSEWHERE,), (ELSEWHERE, "--touch")])
def test_the_second_is_refused_and_the_first_goes_on(running, words):
    folder, first = running
    before, written = digests(folder), (folder / DATA).stat().st_mtime_ns
    output = snakemake(folder, *words, "--cores", "1", status=1)
    assert f"Another workflow runs in this folder: process {first.pid} on " in output
    assert f"-d {folder} {TARGET} --cores 1" in output
    assert "--unlock" not in output
    assert (digests(folder), (folder / DATA).stat().st_mtime_ns) == (before, written)
    goes_on(folder, first)


def test_a_dry_run_beside_a_running_workflow_is_allowed_and_changes_nothing(running):
    folder, first = running
    before = digests(folder)
    assert f"train {MODEL} 0" in planned(folder, TARGET)
    assert digests(folder) == before
    assert f"process {first.pid} on" in snakemake(folder, TARGET, "--cores", "1", status=1)


@pytest.mark.parametrize("words", [(TARGET, "--summary"), ("--list-rules",), (TARGET, "--dag")])
def test_looks_at_the_workflow_are_allowed(running, words):
    folder, first = running
    snakemake(folder, *words)
    assert first.poll() is None


def test_the_workflow_may_be_linted(running):
    """Snakemake ends with status 1 for rules without a conda environment (workflow/lint.py)."""
    folder, first = running
    assert "Lints for rule train" in snakemake(folder, "--lint", status=1)
    assert first.poll() is None


def test_a_job_in_a_snakemake_of_its_own_is_let_through(running):
    """Executors start one on a cluster's node or in another process."""
    folder, first = running
    written = (folder / DATA).stat().st_mtime_ns
    snakemake(folder, str(DATA), "--force", "--cores", "1", "--mode", "remote", "--nolock")
    assert (folder / DATA).stat().st_mtime_ns > written
    assert first.poll() is None


def test_a_verb_of_ddpm_is_let_through(running):
    folder, first = running
    verb = [Path(sys.executable).with_name("ddpm"), "plan", f"config/{NAME}.yaml", "--step-time", "0.1"]
    subprocess.run(verb, cwd=folder, check=True, stdout=subprocess.DEVNULL)
    assert first.poll() is None


def test_after_a_kill_one_of_two_starts_goes_on(tmp_path):
    write_long_study(tmp_path)
    with started(tmp_path, TARGET) as killed:
        wait_for(lambda: saved_updates(tmp_path) > 0, killed)
        kill(killed)
    assert f"train {MODEL} 0" in planned(tmp_path, TARGET)
    with (
        started(tmp_path, TARGET, output="one.txt") as one,
        started(tmp_path, TARGET, output="other.txt") as other,
    ):
        wait_for(lambda: one.poll() is not None or other.poll() is not None)
        ended, living, output = (one, other, "one") if one.poll() is not None else (other, one, "other")
        assert ended.returncode == 1
        said = f"Another workflow runs in this folder: process {living.pid} on "
        assert said in (tmp_path / f"{output}.txt").read_text()
        goes_on(tmp_path, living)
