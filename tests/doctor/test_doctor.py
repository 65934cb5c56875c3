"""`ddpm doctor` on made-up machines: programs on PATH, mounts, reports of torch."""

from __future__ import annotations

import json
import os
import runpy
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

import ddpm.doctor.checks
import ddpm.doctor.probe
from ddpm.cli import main
from ddpm.doctor import (
    checkout,
    disk,
    dvc,
    environment,
    machine,
    needs,
    programs,
    resources,
    slurm,
    torch_works,
    unfinished,
)
from ddpm.doctor.finding import Finding, State, guarded, ok
from ddpm.doctor.torch_works import Report
from ddpm.errors import StudyError
from ddpm.records.locks import SignedLock
from ddpm.resources.locating import RemoteFile
from ddpm.study import load_study

OK, UNUSED, WARNING, FAILED = State.OK, State.UNUSED, State.WARNING, State.FAILED


@pytest.fixture
def path(tmp_path, monkeypatch):
    """A PATH on which nothing lies but what is put there, with what a script needs."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))

    def put(name: str, text: str = "", status: int = 0) -> None:
        program = folder / name
        program.write_text(f"#!/bin/sh\necho '{text}'\nexit {status}\n")
        program.chmod(0o755)

    return put


def only(findings) -> Finding:
    [finding] = findings
    assert bool(finding.remedy) == (finding.state in (WARNING, FAILED))
    return finding


def state(findings) -> State:
    return only(findings).state


def test_a_program_that_is_not_there_that_fails_and_that_hangs(path):
    assert programs.ask("sinfo") is None
    path("sinfo", "no controller", 1)
    assert programs.ask("sinfo") == programs.Answer(False, "no controller")
    path("sinfo", "exec /bin/sleep 60")
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


def report(**steps) -> Report:
    there = {"torch_import": {"version": "2.13.0+cpu", "cuda": None}, "convolution": {}}
    there |= {"torchvision_import": {"version": "0.28.0", "operators": False}, "gpu": {"gpus": []}}
    return Report(there | {"training_step": {}} | steps)


def test_the_probe_and_a_torch_that_crashes(monkeypatch):
    """The probe itself runs in test_the_whole; here its process dies of a signal in the second step."""
    code = 'import os; print(\'{"step": "torch_import", "version": "2", "cuda": null}\', flush=True)'
    code += "; os.kill(os.getpid(), 4)"
    run = subprocess.run
    monkeypatch.setattr(
        torch_works.subprocess, "run", lambda words, **more: run([sys.executable, "-c", code], **more)
    )
    crashed = torch_works.probe()
    found = only(torch_works.torch_works(crashed))
    assert (found.state, "does not compute: the process was killed by SIGILL" in found.text) == (FAILED, True)
    broken = Report({"torch_import": {"error": "ImportError: libtorch"}})
    assert "ImportError: libtorch" in only(torch_works.torch_works(broken)).text
    assert state(torch_works.torchvision_agrees(broken, "2.13.0")) == FAILED


def test_torchvision_beside_torch():
    assert state(torch_works.torchvision_agrees(report(), "2.13.0")) == OK
    assert "made for torch 2.12.0" in only(torch_works.torchvision_agrees(report(), "2.12.0")).text
    failing = report(torchvision_import={"error": "RuntimeError: nms"})
    assert state(torch_works.torchvision_agrees(failing, "2.13.0")) == FAILED


CUDA = {"version": "2.13.0", "cuda": "13.0"}


@pytest.mark.parametrize(
    ("told", "hours", "expected", "words"),
    [
        (report(), None, WARNING, "built without CUDA"),
        (report(), 1.0, WARNING, "built without CUDA"),
        (report(), 1e4, FAILED, "built without CUDA"),
        (report(torch_import=CUDA, gpu={"gpus": [], "warnings": ["driver too old"]}), 1e4, FAILED, "too old"),
        (report(gpu={"gpus": [["H100", 80e9]]}), 1e4, OK, "H100 (80 GB); a training step"),
        (
            report(gpu={"gpus": [["H100", 80e9]]}, training_step={"error": "no kernel"}),
            None,
            FAILED,
            "kernel",
        ),
    ],
)
def test_a_gpu_that_the_driver_shows(told, hours, expected, words, path, monkeypatch):
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    path("nvidia-smi", "NVIDIA H100, 81559 MiB, 550.54")
    found = only(torch_works.gpu_works(told, hours))
    assert (found.state, words in found.text) == (expected, True), found
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    if not told.gpus:
        assert only(torch_works.gpu_works(told, hours)).remedy == "unset CUDA_VISIBLE_DEVICES"


def test_no_gpu(path):
    assert state(torch_works.gpu_works(report(), None)) == UNUSED
    assert state(torch_works.gpu_works(report(), 1.0)) == UNUSED
    assert "about 417 days" in only(torch_works.gpu_works(report(), 1e4)).text
    path("nvidia-smi", "cannot reach the driver", 9)
    assert state(torch_works.gpu_works(report(), None)) == WARNING
    assert state(torch_works.gpu_works(report(), 1.0)) == UNUSED


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
        ("cpu*|up|(null)", WARNING, "and there are cpu"),
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


def test_dvcs_remote_and_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dvc.importlib.util, "find_spec", lambda name: None if name == "dvc_s3" else name)
    assert state(dvc.dvc()) == UNUSED
    Path(".dvc").mkdir()
    remotes = {"text": ""}
    answers = lambda *words: programs.Answer(True, remotes["text"] if words[0] == "remote" else ".dvc/cache")  # noqa: E731
    monkeypatch.setattr(dvc, "_ask", answers)
    assert state(dvc.dvc()) == UNUSED
    for address, expected in (
        (tmp_path / "new", OK),
        (tmp_path, OK),
        (tmp_path / "not" / "mounted", WARNING),
        ("s3://bucket/x", WARNING),
        ("ssh://host/x", OK),
    ):
        remotes["text"] = f"other\t/x\nstore\t{address}\t(default)\n"
        assert state(dvc.dvc()) == expected, address
    monkeypatch.setattr(dvc, "existing", lambda path: Path("/proc" if "cache" in str(path) else "/"))
    *_, last = dvc.dvc()
    assert "another disk" in last.text
    monkeypatch.setattr(dvc, "_ask", lambda *words: programs.Answer(False, "bad config"))
    assert state(dvc.dvc()) == WARNING


def test_fetched_files(project, monkeypatch):
    file = Path("resources/cifar-10-python.tar.gz")
    assert state(resources.resources(None)) == UNUSED
    assert "no downloads are needed" in only(resources.resources([])).text
    answers = {"status": 200}
    asked = []

    def head(url, **more):
        asked.append(url)
        if answers["status"] is None:
            raise resources.requests.ConnectionError
        return SimpleNamespace(status_code=answers["status"])

    monkeypatch.setattr(resources.requests, "head", head)
    assert state(resources.resources([str(file)])) == OK
    assert len(asked) == 1
    for status in (404, None):
        answers["status"] = status
        found = only(resources.resources([str(file)]))
        assert (found.state, "SHA-256" in found.remedy) == (FAILED, True)
    file.parent.mkdir()
    file.write_text("another file")
    assert "has other content" in only(resources.resources(None)).text
    remote = RemoteFile(file, (), resources.sha256(file))
    monkeypatch.setattr(resources, "remote_file", lambda _: remote)
    assert state(resources.resources([str(file)])) == OK
    assert state(resources.own_files(["table3, figure3: lsun: no such folder"])) == WARNING
    assert state(resources.own_files([])) == OK


def test_git(path, monkeypatch):
    assert state(checkout.checkout()) == WARNING
    path("git")
    for commit, expected in ((f"{'a' * 40} (uncommitted changes)", WARNING), ("b" * 40, OK), ("", UNUSED)):
        monkeypatch.setattr(checkout, "commit_of", lambda _, commit=commit: commit)
        assert state(checkout.checkout()) == expected


def test_locks_and_unfinished_runs(project):
    lock = project / "results" / ".workflow.lock"
    assert state(unfinished.workflow_lock()) == OK
    held = SignedLock(lock, "snakemake demo")
    assert held.take()
    assert "snakemake demo" in only(unfinished.workflow_lock()).text
    held.release()
    lock.write_text("a process that was killed")
    assert state(unfinished.workflow_lock()) == OK
    study = load_study(Path("config/demo.yaml"))
    assert state(unfinished.runs(study)) == OK
    run = project / "results" / "demo" / "models" / "epsilon_L_simple" / "seed1"
    (run / "state").mkdir(parents=True)
    assert only(unfinished.runs(study)).text == "begun and not complete: epsilon_L_simple seed 1"
    trainer = SignedLock(run.with_name(".seed1.training.lock"))
    assert trainer.take()
    assert only(unfinished.runs(study)).text == "under way: epsilon_L_simple seed 1"
    trainer.release()
    (run / "trained.json").write_text("{}")
    assert state(unfinished.runs(study)) == OK


def test_an_error_in_a_check_is_a_finding():
    def broken():
        yield ok("a", "first")
        raise ZeroDivisionError("in the check")

    def refused():
        raise StudyError("x.yaml: no such study file")

    first, second = guarded("disk", broken)
    assert (first.state, second.state) == (OK, FAILED)
    assert "ZeroDivisionError: in the check" in second.text
    assert only(guarded("study", refused)).text == "x.yaml: no such study file"


@pytest.fixture
def quick(project, monkeypatch):
    """Without the checks that start programs; the plan is made up."""
    monkeypatch.setattr(torch_works, "probe", report)
    monkeypatch.setattr(needs, "study_jobs", lambda study, targets: [])
    monkeypatch.setattr(dvc, "_ask", lambda *words: programs.Answer(True, ""))


@pytest.mark.usefixtures("quick")
def test_the_verb_tells_every_check_and_fails_where_one_fails(capsys, monkeypatch):
    monkeypatch.setattr(ddpm.doctor.checks.machine, "machine", lambda: 1 / 0)
    assert main(["doctor", "config/demo.yaml"]) == 2
    told = capsys.readouterr()
    for subject in ("Python", "torch", "GPU", "Slurm", "DVC", "resources", "data", "training", "git", "disk"):
        assert f" {subject} " in told.out, subject
    assert "failed      machine       this check could not be made: ZeroDivisionError" in told.out
    assert "                          remedy: please report it" in told.out
    assert "error: 1 of " in told.err
    monkeypatch.undo()


@pytest.mark.usefixtures("quick")
def test_warnings_do_not_fail_and_quiet_tells_them_alone(capsys, monkeypatch):
    monkeypatch.setattr(checkout, "commit_of", lambda _: f"{'a' * 40} (uncommitted changes)")
    assert main(["doctor", "--quiet"]) == 0
    told = capsys.readouterr().out
    assert "uncommitted changes" in told
    assert "\nok " not in told
    assert main(["doctor", "config/nope.yaml"]) == 2
    told = capsys.readouterr().out
    assert "failed      study         config/nope.yaml: no such study file" in told
    assert " git " in told


@pytest.mark.filterwarnings("ignore:.*found in sys.modules:RuntimeWarning")
def test_the_probe_itself(capsys):
    """In this process, which has loaded torch."""
    runpy.run_module("ddpm.doctor.probe", run_name="__main__")
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["step"] for line in lines] == [step.__name__ for step in ddpm.doctor.probe.STEPS]
    assert not [line for line in lines if "error" in line]
