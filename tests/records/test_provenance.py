"""The commit that results name is that of the code: of a repository that tracks it, whoever owns that."""

import os
import subprocess
from pathlib import Path

import pytest

from ddpm.records import provenance
from ddpm.records.provenance import commit_date, commit_of, git_commit

CHANGED = " (uncommitted changes)"


def git(folder: Path, *words: str) -> str:
    who = ["-c", "user.name=a", "-c", "user.email=a@b"]
    return subprocess.run(
        ["git", *who, *words], cwd=folder, check=True, capture_output=True, text=True
    ).stdout


@pytest.fixture
def checkout(tmp_path):
    """A repository that tracks src/ddpm/code.py, and its commit."""
    file = tmp_path / "src/ddpm/code.py"
    file.parent.mkdir(parents=True)
    file.write_text("a = 1\n")
    (tmp_path / "notes.txt").write_text("x")
    git(tmp_path, "init", "-q")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-qm", "first")
    return file, git(tmp_path, "rev-parse", "HEAD").strip()


def test_a_clean_and_a_changed_checkout(checkout):
    file, commit = checkout
    assert commit_of(file) == commit
    (file.parents[2] / "new.txt").write_text("not tracked")
    assert commit_of(file) == commit
    (file.parents[2] / "notes.txt").write_text("changed")
    assert commit_of(file) == commit + CHANGED


def test_modules_and_study_files_that_git_does_not_know(checkout, monkeypatch):
    file, commit = checkout
    top = file.parents[2]
    monkeypatch.chdir(top)
    monkeypatch.setattr(provenance.ddpm, "__file__", str(file))
    (top / "paper.yaml").write_text("a: 1\n")
    git(top, "add", "paper.yaml")
    git(top, "commit", "-qm", "second")
    commit = git(top, "rev-parse", "HEAD").strip()
    (top / ".gitignore").write_text("*.local.yaml\n")
    for name in ("mine.yaml", "paper.local.yaml"):
        (top / name).write_text("a: 2\n")
    told = git_commit.__wrapped__
    assert told("paper.yaml") == commit
    files = ("paper.local.yaml", "mine.yaml", "paper.yaml")
    assert told(*files) == f"{commit} (not committed: paper.local.yaml, mine.yaml)"
    (file.parent / "more").mkdir()
    (file.parent / "more/module.py").write_text("a = 2\n")
    assert told("paper.yaml") == commit + CHANGED


def test_an_environment_within_another_projects_repository(checkout):
    installed = checkout[0].parents[2] / ".venv/lib/ddpm/code.py"
    installed.parent.mkdir(parents=True)
    installed.write_text("a = 1\n")
    assert commit_of(installed) == ""


def test_no_repository(tmp_path, monkeypatch):
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    (tmp_path / "code.py").write_text("")
    assert commit_of(tmp_path / "code.py") == ""


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root, to give files to another owner")
def test_a_checkout_of_another_owner(checkout):
    file, commit = checkout
    top = file.parents[2]
    for path in [top, *top.rglob("*")]:
        os.chown(path, 12345, 12345)
    assert commit_of(file) == commit


def test_a_hooks_variables_name_no_other_repository(checkout, tmp_path_factory, monkeypatch):
    file, commit = checkout
    other = tmp_path_factory.mktemp("other")
    git(other, "init", "-q")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    assert commit_of(file) == commit


def test_what_git_cannot_tell_is_unknown(monkeypatch):
    git_commit.cache_clear()
    monkeypatch.setattr(provenance, "commit_of", lambda file: "")
    try:
        assert git_commit().startswith("unknown (version ")
    finally:
        git_commit.cache_clear()


def test_the_date_of_a_commit_is_its_authors(checkout, monkeypatch):
    file, commit = checkout
    monkeypatch.setattr(provenance, "__file__", str(file))
    for name in (commit, commit + CHANGED):
        assert commit_date(name) == git(file.parent, "log", "-1", "--format=%as").strip()
    assert [commit_date(name) for name in ("0" * 40, "abc", "--all", "unknown (version 0)")] == [""] * 4
