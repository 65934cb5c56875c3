"""The Slurm profile on a Slurm: what its jobs ask for, and what becomes of jobs that are stopped."""

from __future__ import annotations

import dataclasses
import re
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from http_server import faulty_server
from slurm_jobs import SlurmJob, jobs, slurm_command
from slurm_settings import GPU_TYPE, PARTITION, URGENT
from slurm_workspace import finish, launch, write_profile, write_workspace
from small_paper import make_small_paper, small_paper
from studies import snakemake, tiny_study, write_study
from waiting import PATIENCE
from workspaces import run

from ddpm.errors import DDPMError
from ddpm.network.weights import read_weights
from ddpm.plan.guard import has_gpu

pytestmark = [pytest.mark.workflow, pytest.mark.slow]
MODEL = "epsilon_L_simple"
FIGURE = "results/tiny/figures/figure13.png"
FEATURES = "results/tiny/features/classifier.safetensors"
STEPS = 600
# The time limit is one minute, and Slurm warns 10 to 40 s before it: no job can train for so long.
LIMITED_SECONDS = 45


def small_study(**steps: int) -> dict[str, Any]:
    """One figure, of the first of these models; each is the same network, trained for other steps."""
    study = tiny_study()
    diffusion = study["models"][MODEL]["diffusion"]
    study["models"] = {
        name: {"diffusion": diffusion, "training": {"steps": number}} for name, number in steps.items()
    }
    study["defaults"]["training"]["save_every_minutes"] = 0.01
    study["sampling"]["batches_per_shard"] = 1
    study["artefacts"] = {"models": None, "figure13": {"model": next(iter(steps)), "rows": 5, "columns": 5}}
    return study


def receipt(model: str) -> str:
    return f"results/tiny/models/{model}/seed0/trained.json"


def weights_hash(folder: Path, model: str) -> str:
    return read_weights((folder / receipt(model)).with_name("weights.safetensors"))[1]["weights_hash"]


def wait_until(condition: Callable[[], Any], folder: Path) -> Any:
    """The condition's value, once it is true."""
    end = time.monotonic() + PATIENCE
    while not (value := condition()):
        assert time.monotonic() < end, (folder / "output.txt").read_text()[-8000:]
        time.sleep(0.1)
    return value


def jobs_of(folder: Path, name: str, state: str = "") -> list[SlurmJob]:
    return [job for job in jobs(folder) if name in job.name and job.state.startswith(state)]


def trained_at_least(folder: Path, model: str, updates: int) -> bool:
    """Whether the saved state of a run has come so far."""
    latest = (folder / receipt(model)).with_name("state") / "latest.safetensors"
    try:
        return read_weights(latest)[1]["updates"] >= updates
    except DDPMError:  # not there: not yet, or just being replaced
        return False


@dataclasses.dataclass(frozen=True)
class Run:
    """A workflow that has ended: where, what it printed, and its jobs."""

    folder: Path
    output: str
    jobs: list[SlurmJob]

    def of(self, name: str) -> list[SlurmJob]:
        return [job for job in self.jobs if name in job.name]


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> Path:
    """A local run of the model that is stopped by hand elsewhere."""
    folder = tmp_path_factory.mktemp("undisturbed")
    write_study(folder, small_study(stopped=STEPS))
    snakemake(folder, receipt("stopped"), "--cores", "1")
    return folder


@pytest.fixture(scope="module")
def limited_steps(undisturbed) -> int:
    """Steps that would take LIMITED_SECONDS here if training had a core of its own."""
    log = (undisturbed / "results/tiny/logs/train/stopped.seed0.log").read_text()
    speed = float(re.findall(r"([\d.]+) steps/s, done", log)[-1])
    benchmark = (undisturbed / "results/tiny/benchmarks/train/stopped.seed0.tsv").read_text()
    share = float(dict(zip(*map(str.split, benchmark.splitlines()), strict=True))["mean_load"]) / 100
    return round(speed / min(max(share, 0.2), 1.0) * LIMITED_SECONDS)


@pytest.fixture(scope="module")
def runs(slurm, tmp_path_factory, limited_steps) -> dict[str, Run]:
    """Two workflows beside each other: one job meets its time limit; others are stopped or fail for good."""
    folders = {name: tmp_path_factory.mktemp(name) for name in ("limited", "local", "stopped")}
    limited, local, stopped = folders.values()
    write_workspace(limited, small_study(limited=limited_steps), walltime=1)
    study = small_study(plain=30, cancelled=STEPS, requeued=STEPS)
    study["quality"]["features"]["required_accuracy"] = 1.0
    write_workspace(stopped, study)
    targets = [FIGURE, FEATURES, receipt("cancelled"), receipt("requeued")]
    processes = [
        launch(limited, receipt("limited"), "--retries", "9"),  # beside others' jobs, some come to nothing
        launch(stopped, *targets, "--retries", "1", "--slurm-array-jobs=sample"),
    ]
    try:
        for model, command in [("cancelled", ["scancel"]), ("requeued", ["scontrol", "requeue"])]:
            wait_until(lambda model=model: trained_at_least(stopped, model, STEPS // 3), stopped)
            slurm_command(*command, jobs_of(stopped, model, "RUNNING")[-1].number)
        write_study(local, small_study(limited=limited_steps))
        snakemake(local, receipt("limited"), "--cores", "1")
        outputs = [finish(processes[0], limited), "", finish(processes[1], stopped, status=1)]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    return {
        name: Run(folder, text, jobs(folder))
        for (name, folder), text in zip(folders.items(), outputs, strict=True)
    }


def steps_of_last_job(folder: Path, model: str) -> float:
    """How many steps, at least, the job did that finished a training run; its log gives whole seconds."""
    log = (folder / f"results/tiny/logs/train/{model}.seed0.log").read_text()
    speed, minutes, seconds = re.findall(r"([\d.]+) steps/s, done in (?:(\d+) min )?(\d+) s", log)[-1]
    return float(speed) * (60 * int(minutes or 0) + int(seconds) - 0.5)


def test_jobs_ask_for_what_the_profile_says(runs):
    (train,) = runs["stopped"].of("train_results_tiny_plain")
    assert train.fields["TresPerJob"] == f"gres:gpu:{GPU_TYPE}:1"
    assert (train.fields["NumTasks"], train.fields["CPUs/Task"]) == ("1", "2")
    assert (train.requested["mem"], train.fields["TimeLimit"]) == ("16000M", "12:00:00")
    assert (train.fields["Partition"], train.fields["Requeue"]) == ("all", "1")
    for job in runs["stopped"].of("sample"):
        assert job.fields["TresPerJob"] == f"gres:gpu:{GPU_TYPE}:1"
        assert (job.fields["NumTasks"], job.fields["TimeLimit"]) == ("1", "02:00:00")


def test_shards_are_an_array(runs):
    shards = runs["stopped"].of("sample")
    assert len(shards) == 2
    assert len({job.fields["ArrayJobId"] for job in shards}) == 1
    assert {job.state for job in shards} == {"COMPLETED"}


def test_light_rules_are_no_jobs(runs):
    assert {job.name.split("_results")[0] for job in runs["stopped"].jobs} == {"train", "sample", "features"}


def test_a_job_that_fails_for_good_leaves_the_others_results(runs):
    run = runs["stopped"]
    first, second = run.of("features")
    assert {first.state, second.state} == {"FAILED"}
    # The second attempt asked for more, in case that was why.
    assert (first.requested["mem"], second.requested["mem"]) == ("8000M", "16000M")
    assert "log: results/tiny/logs/features.log" in run.output
    assert "required_accuracy" in run.output
    assert (run.folder / FIGURE).exists()


@pytest.mark.parametrize("model", ["cancelled", "requeued"])
def test_a_job_stopped_by_hand_continues_to_the_same_weights(runs, undisturbed, model):
    folder = runs["stopped"].folder
    assert weights_hash(folder, model) == weights_hash(undisturbed, "stopped")
    assert steps_of_last_job(folder, model) < 0.75 * STEPS


def test_scancel_is_noticed_and_retried(runs):
    first, *later = runs["stopped"].of("cancelled")
    assert first.state == "CANCELLED"
    assert later
    assert later[-1].state == "COMPLETED"
    assert f"SLURM-job '{first.number}' failed, SLURM status is: 'CANCELLED'" in runs["stopped"].output


def test_a_requeued_job_keeps_its_number(runs):
    first = runs["stopped"].of("requeued")[0]
    assert int(first.fields["Restarts"]) >= 1


def test_training_longer_than_the_walltime_queues_its_job_again(runs):
    """A job that is warned before its first update, as on a busy machine, does not; that costs a retry."""
    run = runs["limited"]
    *before, last = run.jobs
    assert {job.fields["TimeLimit"] for job in run.jobs} == {"00:01:00"}
    assert {job.state for job in before} <= {"FAILED"}
    assert last.state == "COMPLETED"
    assert sum(int(job.fields["Restarts"]) for job in run.jobs) >= 1
    assert weights_hash(run.folder, "limited") == weights_hash(runs["local"].folder, "limited")


def test_the_history_says_where_each_attempt_began_and_ended(runs):
    history = (runs["limited"].folder / "results/tiny/logs/train/limited.seed0.history.log").read_text()
    assert history.endswith(": trained\n")
    found = re.search(
        r"to step ([\d,]+): SIGTERM; Slurm queues job (\d+) again\n.*  from step ([\d,]+) .*\n", history
    )
    assert found
    assert found[1] == found[3]
    assert f", Slurm job {found[2]}, " in found[0]


def preempt(grace: int) -> None:
    """Has an urgent job take the machine, from a partition that gives its jobs so many seconds to leave."""
    slurm_command("scontrol", "update", f"PartitionName={PARTITION}", f"GraceTime={grace}")
    slurm_command("sbatch", f"--partition={URGENT}", "--exclusive", "--output=/dev/null", "--wrap=true")


def test_a_preempted_job_goes_on_without_a_retry(slurm, undisturbed, tmp_path):
    """Once with time to leave, then without."""
    write_workspace(tmp_path, small_study(preempted=STEPS))
    process = launch(tmp_path, receipt("preempted"), "--retries", "0")

    def runs_again() -> bool:
        running = jobs_of(tmp_path, "preempted", "RUNNING")
        return bool(running) and running[0].fields["Restarts"] == "1"

    try:
        wait_until(lambda: trained_at_least(tmp_path, "preempted", STEPS // 6), tmp_path)
        preempt(grace=120)
        wait_until(lambda: runs_again() and trained_at_least(tmp_path, "preempted", STEPS // 3), tmp_path)
        preempt(grace=0)
        finish(process, tmp_path)
    finally:
        process.kill()
        process.wait()
    (job,) = jobs(tmp_path)
    assert (job.state, job.fields["Restarts"]) == ("COMPLETED", "2")
    history = (tmp_path / "results/tiny/logs/train/preempted.seed0.history.log").read_text()
    ends = re.findall(r"  to step [\d,]+: (.*)", history)
    assert ends[0] == f"SIGTERM; Slurm queues job {job.number} again"
    # Without time to leave, it may be killed before it can note its end.
    assert (ends[-1], len(ends) <= 3) == ("trained", True)
    assert weights_hash(tmp_path, "preempted") == weights_hash(undisturbed, "stopped")
    assert steps_of_last_job(tmp_path, "preempted") < 0.75 * STEPS


def test_another_number_of_processes_reruns_nothing(undisturbed):
    again = ["--cores", "1", "--set-resources", "train:processes=2", "train:mem_mb=9000"]
    assert "Nothing to be done" in snakemake(undisturbed, receipt("stopped"), "-n", *again)


def test_work_that_is_refused_without_a_gpu_trains_on_two_and_ends_with_ctrl_c(slurm, tmp_path):
    """In between, Snakemake is killed: its next start finds the job that it left."""
    write_workspace(tmp_path, small_study(endless=10**9), gpus=2)
    if not has_gpu():
        refused = snakemake(tmp_path, receipt("endless"), "--cores", "1", status=1)
        assert "Nothing was started: there is no GPU here" in refused
    process = launch(tmp_path, receipt("endless"))
    try:
        wait_until(lambda: trained_at_least(tmp_path, "endless", 1), tmp_path)
        process.kill()
        process.wait()
        (job,) = jobs_of(tmp_path, "endless", "RUNNING")
        left = finish(launch(tmp_path, receipt("endless")), tmp_path, status=1)
        assert "Slurm still has 1 job that an earlier workflow submitted from this folder" in left
        assert re.search(rf"{job.number}  RUNNING  train results_tiny_endless_0\n", left)
        process = launch(tmp_path, receipt("endless"), "--config", "cancel_jobs=true")
        second = wait_until(
            lambda: [
                found for found in jobs_of(tmp_path, "endless", "RUNNING") if found.number != job.number
            ],
            tmp_path,
        )
        log = tmp_path / "results/tiny/logs/train/endless.seed0.log"
        wait_until(lambda: log.exists() and "goes on from the saved state" in log.read_text(), tmp_path)
        process.send_signal(signal.SIGINT)
        process.wait(timeout=PATIENCE)
    finally:
        process.kill()
    assert process.returncode != 0
    ended = [job.number, second[0].number]
    wait_until(
        lambda: [found.number for found in jobs_of(tmp_path, "endless", "CANCELLED")] == ended, tmp_path
    )
    # Two GPUs, which are one task that starts two processes.
    assert job.fields["TresPerJob"] == f"gres:gpu:{GPU_TYPE}:2"
    assert (job.fields["NumTasks"], job.fields["CPUs/Task"]) == ("1", "4")
    assert "starting 2 processes" in log.read_text()


def one_model(study: dict[str, Any]) -> dict[str, Any]:
    """The study without its second model: each job of Slurm takes seconds."""
    del study["models"]["epsilon_L_fixed"]
    study["artefacts"]["figure13"]["model"] = MODEL
    return study


def test_one_repro_makes_the_papers_stages_through_slurm(slurm, tmp_path):
    """As tests/dvc/test_paper_stages.py does on one machine."""
    folder = tmp_path / "paper"
    folder.mkdir()
    with faulty_server() as server:
        make_small_paper(folder, server, one_model(small_paper()))
        write_profile(folder)
        run(folder, "env", "SNAKEMAKE_PROFILE=slurm", "DDPM_DEVICE=cpu", "dvc", "repro", "artefacts")
        assert len(server.requests) == 1
    submitted = jobs(folder)
    assert {job.state for job in submitted} == {"COMPLETED"}
    names = [job.name for job in submitted]
    assert len(names) == len(set(names))
    rules = {name.partition("_results")[0] for name in names}
    assert rules >= {"features", "train", "checkpoint", "sample", "bound", "likelihood", "quality"}
    assert (folder / "results/comparison.csv").stat().st_size > 0
    assert run(folder, "dvc", "status", "train", "evaluate", "artefacts").strip().endswith("up to date.")


def test_requests_that_slurm_refuses_or_lets_wait_for_ever_are_told_at_the_start(slurm, tmp_path):
    write_workspace(tmp_path, small_study(plain=30), partition="gpus", walltime=9)
    refused = finish(launch(tmp_path, receipt("plain")), tmp_path, status=1)
    assert "Slurm refuses jobs of the rule train: " in refused
    assert "Edit the line `partition` of slurm/config.yaml" in refused
    write_profile(tmp_path, walltime=9)
    slurm_command("scontrol", "update", f"PartitionName={PARTITION}", "MaxTime=5")
    try:
        refused = finish(launch(tmp_path, receipt("plain")), tmp_path, status=1)
    finally:
        slurm_command("scontrol", "update", f"PartitionName={PARTITION}", "MaxTime=INFINITE")
    assert "ask for 9 minutes, and the partition all gives 5 at most" in refused
    assert jobs(tmp_path) == []
