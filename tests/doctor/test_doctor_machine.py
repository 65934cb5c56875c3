"""Python, packages, memory, disk and Slurm, as `ddpm doctor` finds them."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest
from machine_checks import FAILED, OK, UNUSED, WARNING, only, state

from ddpm import programs
from ddpm.doctor import disk, environment, machine, slurm
from ddpm.doctor.finding import Finding


def test_a_program_that_is_not_there_that_fails_and_that_hangs(path):
    assert programs.ask("sinfo") is None
    path("sinfo", "no controller", 1)
    assert programs.ask("sinfo") == programs.Answer(False, "no controller")
    Path(os.environ["PATH"], "sinfo").write_text("#!/bin/sh\nexec /bin/sleep 60\n")
    began = time.monotonic()
    assert programs.ask("sinfo", seconds=0.05) == programs.Answer(False, "no answer within 0 s")
    assert time.monotonic() - began < 20


def test_python_and_packages(tmp_path):
    assert state(environment.python((3, 10, 1))) == FAILED
    assert state(environment.python((3, 12, 0))) == OK
    pins = tmp_path / "requirements.txt"
    pins.write_text("# the pins\n-c constraints.txt\ntorch==2.13.0\ndvc==3.67.1\nnumpy==2.4.6\n")
    versions = {"torch": "2.13.0+cpu", "numpy": "2.4.6"}
    assert state(environment.packages(pins, versions.get)) == OK  # without dvc, which few need
    versions["numpy"] = "2.0"
    found = only(environment.packages(pins, versions.get))
    assert (found.state, "numpy 2.0 (tested: 2.4.6)" in found.text) == (WARNING, True)
    del versions["torch"]
    missing, _ = environment.packages(pins, versions.get)
    assert (missing.state, missing.text) == (FAILED, "not installed: torch")
    assert state(environment.packages(None)) == UNUSED


def test_cores_and_memory():
    assert state(machine.machine(4, 16e9)) == OK
    assert only(machine.machine(64, 16e9)).remedy.endswith("snakemake --cores 13")
    assert state(machine.machine(4, 1e9)) == WARNING
    assert machine.usable_cores() >= 1


def test_the_disk(tmp_path, monkeypatch):
    folder, mounts = tmp_path / "results" / "demo", tmp_path / "mounts"

    def found(kind: str, options: str = "rw", need: float | None = 1.0) -> Finding:
        point = str(tmp_path).replace("t", r"\164", 1)  # as the kernel writes a space
        mounts.write_text(f"/dev/sda / ext4 rw 0 0\nx {point} {kind} {options} 0 0\n")
        return only(disk.disk(folder, need, mounts))

    assert found("xfs").state == OK
    assert found("xfs", need=1e18).state == FAILED
    assert found("nfs4", "rw,vers=4.2").state == OK
    assert "local_lock=all" in found("nfs", "rw,local_lock=all").text
    assert found("fuse.sshfs").state == WARNING
    monkeypatch.setattr(disk, "_try_out", lambda place: False)
    assert "knows no locks" in found("lustre").text
    monkeypatch.undo()
    monkeypatch.setattr(disk, "write_text", lambda *_: (_ for _ in ()).throw(PermissionError("read-only")))
    assert found("xfs").state == FAILED
    assert not list(tmp_path.glob(".ddpm-doctor*"))


PROFILE = '__variables__:\n  partition: gpu # edit\n  gpu_type: "a100"\nretries: "?repr(partition)"\n'


@pytest.mark.parametrize(
    ("sinfo", "expected", "words"),
    [
        ("gpu*|up|gpu:a100:4", OK, "the partition gpu is up"),
        ("gpu|up|gpu:v100:4", WARNING, "no GPUs of the type a100"),
        ("gpu|up|(null)", WARNING, "has no GPUs"),
        ("gpu|drain|gpu:a100:4", WARNING, "is drain"),
        ("cpu*|up|(null)", WARNING, "no partition 'gpu', only cpu"),
    ],
)
def test_slurms_partition(sinfo, expected, words, path, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda name: name)
    profile = tmp_path / "config.yaml"
    profile.write_text(PROFILE)
    for name in ("sbatch", "squeue", "sinfo"):
        path(name, sinfo)
    found = only(slurm.slurm(None, profile))
    assert (found.state, words in found.text) == (expected, True), found
    assert state(slurm.slurm(True, profile)) == (OK if expected is OK else FAILED)
    assert state(slurm.slurm(False, profile)) == UNUSED


def test_slurms_partitions_for_gpus_and_for_processors(path, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda name: name)
    profile = tmp_path / "config.yaml"
    profile.write_text(PROFILE.replace("partition: gpu #", "cpu_partition: cpu\n  partition: gpu,long #"))
    for name in ("sbatch", "squeue"):
        path(name)
    path("sinfo", "gpu*|up|gpu:a100:4\nlong|drain|gpu:a100:4\ncpu|up|(null)")
    assert [found.state for found in slurm.slurm(True, profile)] == [OK, FAILED, OK]
    path("sinfo", "gpu*|up|gpu:a100:4\nlong|up|gpu:a100:4")
    *_, last = slurm.slurm(True, profile)
    assert (last.state, "no partition 'cpu', only gpu, long" in last.text) == (FAILED, True)
    assert "the line `cpu_partition`" in last.remedy


def test_slurm_that_is_not_whole(path, tmp_path, monkeypatch):
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda name: name)
    assert state(slurm.slurm(None)) == UNUSED
    path("sbatch")
    assert "but not squeue, sinfo" in only(slurm.slurm(None)).text
    path("squeue")
    path("sinfo", "no controller", 1)
    assert "no controller" in only(slurm.slurm(None)).text
    path("sinfo", "gpu|up|gpu:1")
    assert state(slurm.slurm(None, tmp_path / "none.yaml")) == UNUSED
    monkeypatch.setattr(slurm.importlib.util, "find_spec", lambda name: None)
    *_, last = slurm.slurm(None, tmp_path / "none.yaml")
    assert "plugin-slurm is not installed" in last.text
