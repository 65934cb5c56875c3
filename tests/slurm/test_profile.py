"""The Slurm profile in dry runs, without a Slurm: where the lines to edit end up, and who asks for GPUs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from slurm_workspace import write_workspace
from studies import tiny_study

from ddpm.status.jobs import counts, needed_files
from ddpm.study import load_study

pytestmark = pytest.mark.workflow
ON_GPU = {
    "train",
    "sample",
    "bound",
    "chain",
    "features",
    "reference",
    "quality",
    "progressive",
    "respaced",
    "schedule",
    "coding",
    "neighbours",
}
LOCAL = {"data", "table", "figure", "report", "metrics"}


def resources_by_rule(dry_run: str) -> dict[str, dict[str, str]]:
    """What the jobs of each rule that is not local ask for."""
    found = {}
    for block in re.split(r"\n(?=(?:local)?rule )", dry_run):
        rule = re.match(r"rule (\w+):", block)
        asked = re.search(r"\n +resources: (.*)", block)
        if rule and asked and rule[1] not in LOCAL:
            found[rule[1]] = dict(pair.split("=", 1) for pair in asked[1].split(", "))
    return found


@pytest.fixture(scope="module")
def workspace(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("profile")
    write_workspace(
        folder,
        tiny_study(),
        partition="all",
        account="12345",
        gpu_type="a100",
        walltime=200,
        job_time=90,
        gpus=4,
        cpu_partition="cpu",
    )
    return folder


@pytest.fixture(scope="module")
def dry_run(workspace) -> str:
    return dry_run_in(workspace)


def dry_run_in(folder: Path) -> str:
    words = ["--profile", "slurm", "-n", "results/tiny/report.html"]
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", *words],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert run.returncode == 0, run.stdout + run.stderr
    return run.stdout


@pytest.fixture(scope="module")
def asked(dry_run) -> dict[str, dict[str, str]]:
    return resources_by_rule(dry_run)


def test_status_counts_the_jobs_that_snakemake_would_run(workspace, dry_run, monkeypatch):
    monkeypatch.chdir(workspace)
    found = {count.rule: count.total for count in counts(*needed_files(load_study("config/tiny.yaml")))}
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", dry_run.partition("Job stats:")[2].partition("total")[0], re.M))
    assert jobs
    assert {rule: int(number) for rule, number in jobs.items() if rule != "metrics"} == found


def test_the_rules_that_are_submitted(asked):
    assert set(asked) == ON_GPU | {"likelihood"}


def test_partition_and_account_are_the_users(asked):
    for rule, resources in asked.items():
        partition = "cpu" if rule == "likelihood" else "all"
        assert (resources["slurm_partition"], resources["slurm_account"]) == (partition, "12345"), rule


def test_rules_with_a_network_ask_for_one_gpu_and_training_for_the_users_number(asked):
    for rule, resources in asked.items():
        gpus = {"likelihood": None, "train": "4"}.get(rule, "1")
        assert resources.get("gpu") == gpus, rule
        assert resources.get("gpu_model") == (gpus and "a100"), rule
        assert resources["tasks"] == "0", rule
    assert (asked["train"]["processes"], asked["train"]["cpus_per_task"]) == ("4", "8")
    assert asked["train"]["nodes"] == "1"  # all in one machine


def test_training_asks_for_the_walltime_and_all_others_for_their_own_time(asked):
    for rule, resources in asked.items():
        assert resources["runtime"] == ("200" if rule == "train" else "90"), rule


def test_no_job_asks_for_more_than_the_walltime(tmp_path):
    write_workspace(tmp_path, tiny_study(), walltime=80, job_time=90)
    asked = resources_by_rule(dry_run_in(tmp_path))
    assert set(asked) == ON_GPU | {"likelihood"}
    assert {resources["runtime"] for resources in asked.values()} == {"80"}


def test_training_is_warned_before_the_limit(asked):
    assert {rule for rule in asked if "slurm_extra" in asked[rule]} == {"train"}
    assert asked["train"]["slurm_extra"] == "--signal=TERM@120"


def test_without_slurm_nothing_is_started(workspace, tmp_path):
    for program in ("bash", "sh", "git", "which", "uname", "cat"):
        (tmp_path / program).symlink_to(shutil.which(program) or "/missing")
    run = subprocess.run(
        [sys.executable, "-m", "snakemake", "--profile", "slurm", "results/tiny/report.html"],
        cwd=workspace,
        env=os.environ | {"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=300,
    )
    output = run.stdout + run.stderr
    assert run.returncode == 1
    assert output.count("its program `sbatch` is not found on this machine. Start it on the cluster's") == 1
    assert "Error in rule" not in output
    assert not (workspace / "results/tiny/data").exists()
