"""Two workflows at once in one folder: the second ends, the first goes on, nothing is overwritten."""

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest
import yaml
from killing.snapshot import STATE, WEIGHTS, snapshot
from killing.study import MODEL, NAME, drill_study, write_study
from studies import command, planned, snakemake

pytestmark = pytest.mark.workflow


@pytest.fixture
def running(tmp_path):
    """A workflow that trains for minutes, in a process group of its own; ended afterwards."""
    write_study(tmp_path)
    study = drill_study()
    study["defaults"]["training"]["steps"] = 100_000
    study["models"][MODEL]["checkpoints"] = {"steps": [], "evaluate": "last"}
    (tmp_path / "config" / f"{NAME}.yaml").write_text(yaml.safe_dump(study))
    process = subprocess.Popen(
        command(tmp_path, str(WEIGHTS), "--cores", "1"),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        wait_for(lambda: (tmp_path / STATE / "previous.safetensors").exists(), process)
        yield tmp_path, process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def wait_for(condition, process) -> None:
    end = time.monotonic() + 150
    while not condition():
        assert process.poll() is None
        assert time.monotonic() < end
        time.sleep(0.05)


def updates(folder: Path) -> int:
    return snapshot(folder).saved_updates


def test_the_second_ends_and_the_first_goes_on(running):
    folder, first = running
    before = snapshot(folder)
    output = snakemake(folder, str(WEIGHTS), "--cores", "1", status=1)
    assert "lock" in output.lower()
    assert first.poll() is None
    after = snapshot(folder)
    assert (after.finished, after.times) == (before.finished, before.times)
    wait_for(lambda: updates(folder) > after.saved_updates, first)


def test_a_dry_run_beside_a_running_workflow_is_allowed_and_changes_nothing(running):
    folder, first = running
    before = snapshot(folder)
    assert planned(folder, str(WEIGHTS)) == {f"train {MODEL} 0"}
    assert first.poll() is None
    assert snapshot(folder).finished == before.finished
    assert list((folder / ".snakemake" / "locks").iterdir())
