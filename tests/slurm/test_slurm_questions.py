"""What Slurm is asked, with programs of a made-up one: earlier jobs, requests, and to queue a job again."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from ddpm.errors import SlurmError
from ddpm.slurm import earlier_jobs
from ddpm.slurm.earlier_jobs import require_no_jobs
from ddpm.slurm.queue import comment_of, jobs_of
from ddpm.slurm.requests import Request, request_of, require_accepted, time_limit
from ddpm.slurm.requeue import requeue
from snakemake_logger_plugin_ddpm import slurm_waits

TRAIN = comment_of("train", "results/tiny", "simple", "0")
GPU = Request("gpu", 720, ("--account=us", "--gpus=a100:1"))


def calls(folder: Path, name: str) -> list[str]:
    """The arguments of each call of a program."""
    path = folder / "calls"
    lines = path.read_text().splitlines() if path.exists() else []
    return [line.removeprefix(f"{name} ") for line in lines if line.startswith(f"{name} ")]


def queue(folder: Path, *lines: str) -> str:
    """A script that prints some jobs of the folder, after one of another folder and one of other work."""
    rows = [f"1|RUNNING|None|n1|1:00|{TRAIN}|/elsewhere", f"2|RUNNING|None|n1|1:00|(null)|{folder}"]
    return "\n".join(f"echo '{row}'" for row in [*rows, *(f"{line}|{folder}" for line in lines)])


def test_the_queue_is_that_of_the_folder_and_of_snakemakes_jobs(program, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(tmp_path)
    program("squeue", queue(tmp_path, f"7|PENDING|Priority||0:00|{TRAIN}"))
    (job,) = jobs_of(link)
    assert (job.number, job.state, job.reason, job.node) == ("7", "PENDING", "Priority", "")
    assert job.comment == "rule_train_wildcards_results_tiny_simple_0"
    assert job.title == "train results_tiny_simple_0"
    assert f"--user={os.getuid()}" in calls(tmp_path, "squeue")[0]


def test_a_queue_that_does_not_answer_is_an_error(program, tmp_path):
    program("squeue", "echo 'slurm_load_jobs error: Unable to contact slurm controller' >&2; exit 1")
    with pytest.raises(SlurmError, match="Unable to contact slurm controller"):
        jobs_of(tmp_path)


@pytest.mark.parametrize("state", ["RUNNING", "PENDING"])
def test_jobs_of_an_earlier_workflow_are_reported_and_left_alone(state, program, tmp_path):
    program("squeue", queue(tmp_path, f"7|{state}|None|n1|5:00|{TRAIN}"))
    program("scancel", "")
    with pytest.raises(SlurmError) as error:
        require_no_jobs(tmp_path)
    told = str(error.value)
    assert "Slurm still has 1 job" in told
    assert f"    7  {state}  train results_tiny_simple_0\n" in told
    assert "--config cancel_jobs=true" in told
    assert calls(tmp_path, "scancel") == []


@pytest.mark.parametrize("ends", [True, False])
def test_earlier_jobs_are_cancelled_if_told_to_and_waited_for(ends, program, tmp_path, monkeypatch):
    monkeypatch.setattr(earlier_jobs, "_PAUSE", 0)
    monkeypatch.setattr(earlier_jobs, "_SECONDS_TO_END", 60 if ends else 0)
    # Running at first; after `scancel`, about to end; then gone.
    running, ending = (
        queue(tmp_path, f"{n}|{state}|None|n1|5:00|{TRAIN}")
        for n, state in (("7", "RUNNING"), ("7", "COMPLETING"))
    )
    gone = f"if [ -e {tmp_path}/looked ]; then exit 0; fi\n" if ends else ""
    later = f"if [ -e {tmp_path}/cancelled ]; then touch {tmp_path}/looked\n{ending}\nelse\n{running}\nfi"
    program("squeue", gone + later)
    program("scancel", f"touch {tmp_path}/cancelled")
    if ends:
        assert [job.number for job in require_no_jobs(tmp_path, cancel=True)] == ["7"]
        assert len(calls(tmp_path, "squeue")) == 3
    else:
        with pytest.raises(SlurmError, match="have not ended within 0 s"):
            require_no_jobs(tmp_path, cancel=True)
    assert calls(tmp_path, "scancel") == ["7"]


def test_a_request_holds_what_the_executor_asks_for():
    resources = {
        "slurm_partition": "gpu",
        "slurm_account": "",
        "runtime": 720,
        "mem_mb": 16000,
        "cpus_per_task": 2,
        "gpu": 2,
        "gpu_model": "a100",
        "tasks": 0,
        "slurm_extra": "--signal=TERM@120",
    }
    assert request_of(resources).words == (
        *("--partition=gpu", "--time=720", "--mem=16000", "--cpus-per-task=2", "--gpus=a100:2"),
        "--signal=TERM@120",
    )
    assert request_of(resources | {"gpu_model": ""}).words[4] == "--gpus=2"


@pytest.mark.parametrize(
    ("said", "lines"),
    [
        ("allocation failure: Invalid partition name specified", "the line `partition` of"),
        ("allocation failure: Invalid account or account/partition combination specified", "`account` or"),
        ("allocation failure: Invalid generic resource (gres) specification", "`gpu_type` or `gpus` of"),
        ("allocation failure: Requested node configuration is not available", "`partition` or `gpu_type`"),
    ],
)
def test_a_refused_request_names_the_line_to_edit(said, lines, program, tmp_path):
    program("sbatch", f"echo 'sbatch: error: first' >&2\necho '{said}' >&2\nexit 1")
    with pytest.raises(SlurmError) as error:
        require_accepted({GPU: "train"})
    assert f"Slurm refuses jobs of the rule train: {said}\n" in str(error.value)
    assert lines in str(error.value)
    assert calls(tmp_path, "sbatch") == [f"--test-only {' '.join(GPU.words)} --wrap=:"]


@pytest.mark.parametrize(
    ("limits", "minutes"),
    [
        ("infinite", None),
        ("12:00:00", 720),
        ("1-00:00:00", 1440),
        ("2-12", 3600),
        ("30:00", 30),
        ("45", 45),
        ("30:00\n2:00:00", 120),
        ("30:00\ninfinite", None),
        ("n/a", None),
    ],
)
def test_the_time_limit_of_a_partition(limits, minutes, program):
    program("sinfo", f"printf '{limits}'")
    assert time_limit("gpu") == minutes


def test_more_time_than_the_partition_gives_is_refused(program):
    program("sbatch", "exit 0")
    program("sinfo", "echo 12:00:00")
    require_accepted({GPU: "train"})
    program("sinfo", "echo 11:59:00")
    with pytest.raises(SlurmError, match="720 minutes, and the partition gpu gives 719 at most"):
        require_accepted({GPU: "train"})


@pytest.mark.parametrize(
    ("state", "is_queued"),
    [
        (f"RUNNING|{TRAIN}", True),
        (f"COMPLETING|{TRAIN}", False),  # cancelled, or queued again by someone else
        ("RUNNING|my own job", False),
        ("RUNNING|rule_sample_wildcards_0", False),
    ],
)
def test_only_the_workflows_own_job_that_was_warned_is_queued_again(
    state, is_queued, program, tmp_path, monkeypatch
):
    program("squeue", f"echo '{state}'")
    program("scontrol", "exit 0")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    assert requeue("train") == is_queued
    assert calls(tmp_path, "scontrol") == ["requeue 12"] * is_queued


def test_where_slurm_queues_no_job_again_the_workflow_goes_on(program, monkeypatch, caplog):
    program("squeue", f"echo 'RUNNING|{TRAIN}'")
    program("scontrol", "echo 'Requested operation is presently disabled for job 12' >&2; exit 1")
    monkeypatch.setenv("SLURM_JOB_ID", "12")
    monkeypatch.setattr("ddpm.slurm.requeue.logger.propagate", True)
    assert not requeue("train")
    assert "presently disabled for job 12): the workflow submits it anew" in caplog.text


def test_outside_slurm_nothing_is_asked(program, tmp_path, monkeypatch):
    program("squeue", "")
    monkeypatch.delenv("SLURM_JOB_ID", raising=False)
    assert not requeue("train")
    assert calls(tmp_path, "squeue") == []


def test_why_jobs_wait_is_told_once_unless_it_is_for_their_turn(program, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(slurm_waits, "_BETWEEN", 0)
    waiting = [f"7|PENDING|PartitionTimeLimit||0:00|{TRAIN}", f"8|PENDING|Priority||0:00|{TRAIN}"]
    program("squeue", queue(tmp_path, *waiting))
    waits = slurm_waits.SlurmWaits()
    assert waits.news() == ["train results_tiny_simple_0: Slurm job 7 waits: PartitionTimeLimit"]
    assert waits.news() == []
    program("squeue", "exit 1")
    assert waits.news() == []
