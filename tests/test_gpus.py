"""Jobs side by side on one machine: each takes a GPU of its own. The driver is a script that lists four."""

import os
import subprocess
import sys

import pytest

from ddpm import device as module
from ddpm.device import VISIBLE, claim_gpus, gpus

LIST = """#!/bin/sh
for n in 0 1 2 3; do
  echo "GPU $n: NVIDIA H100 (UUID: GPU-$n)"; echo "  MIG 1g.10gb Device 0: (UUID: MIG-$n)"
done
"""
CLAIM = (
    "import os, sys; from ddpm.device import claim_gpus; claim_gpus(int(sys.argv[1])); "
    "print(os.environ.get('CUDA_VISIBLE_DEVICES'), flush=True); input()"
)


@pytest.fixture(autouse=True)
def machine(tmp_path, monkeypatch):
    driver = tmp_path / "bin" / "nvidia-smi"
    driver.parent.mkdir()
    driver.write_text(LIST)
    driver.chmod(0o755)
    monkeypatch.setenv("PATH", str(driver.parent), prepend=os.pathsep)
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    for name in (VISIBLE, "SLURM_JOB_ID", "RANK"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.setattr(module, "_claimed", [])
    return driver


@pytest.fixture
def job():
    """Starts jobs that claim GPUs and hold them until the end; tells which."""
    started = []

    def start(count: int) -> str:
        words = [sys.executable, "-c", CLAIM, str(count)]
        started.append(subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True))
        return started[-1].stdout.readline().strip()

    yield start
    for process in started:
        process.communicate("\n")


def test_the_gpus_of_this_machine(machine, monkeypatch):
    assert gpus() == ["0", "1", "2", "3"]
    monkeypatch.setenv(VISIBLE, "2,GPU-3")
    assert gpus() == ["2", "GPU-3"]
    monkeypatch.setenv(VISIBLE, "")
    assert gpus() == []
    monkeypatch.delenv(VISIBLE)
    machine.write_text("#!/bin/sh\nexit 9\n")
    assert gpus() == []
    machine.unlink()
    monkeypatch.setenv("PATH", str(machine.parent))
    assert gpus() == []


def test_each_job_takes_its_own(job):
    assert [job(1), job(2), job(1)] == ["0", "1,2", "3"]
    # More than there are: they share, as without claims.
    assert job(1) == "None"


def test_what_a_job_held_is_free_when_it_has_ended(monkeypatch):
    words = [sys.executable, "-c", CLAIM, "1"]
    for _ in range(2):
        done = subprocess.run(words, input="\n", stdout=subprocess.PIPE, text=True, check=True)
        assert done.stdout.strip() == "0"


@pytest.mark.parametrize(
    ("environment", "count"), [({"SLURM_JOB_ID": "7"}, 1), ({"RANK": "0"}, 1), ({VISIBLE: "1"}, 1), ({}, 4)]
)
def test_where_nothing_is_to_be_claimed(monkeypatch, environment, count):
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    before = os.environ.get(VISIBLE)
    claim_gpus(count)
    assert os.environ.get(VISIBLE) == before
