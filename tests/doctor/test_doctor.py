"""`ddpm doctor`: DVC, downloads, git, interrupted work, and the verb."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import pytest
from machine_checks import FAILED, OK, UNUSED, WARNING, only, report, state

import ddpm.doctor.checks
from ddpm import programs
from ddpm.cli import main
from ddpm.doctor import checkout, disk, dvc, needs, resources, torch_works, unfinished
from ddpm.doctor.finding import guarded, ok
from ddpm.errors import StudyError
from ddpm.records.locks import SignedLock
from ddpm.resources.locating import RemoteFile
from ddpm.study import load_study


def test_dvcs_remote_and_cache(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(dvc.importlib.util, "find_spec", lambda name: None if name == "dvc_s3" else name)
    assert state(dvc.dvc()) == UNUSED
    Path(".dvc").mkdir()
    remotes = {"text": ""}

    def answer(*words: str) -> programs.Answer:
        return programs.Answer(True, remotes["text"] if words[0] == "remote" else ".dvc/cache")

    monkeypatch.setattr(dvc, "_ask", answer)
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
    """Without the checks that start programs; the plan is made up, and any disk is large enough."""
    monkeypatch.setattr(disk, "LEAST", 0.0)
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
