"""`ddpm status`: the state of each training run, the jobs that are done, and Slurm's queue."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest
from safetensors.numpy import save_file

from ddpm.cli import main
from ddpm.graph import layout
from ddpm.graph.fingerprint import training_fingerprint
from ddpm.records.locks import SignedLock
from ddpm.slurm.queue import QueuedJob, comment_of
from ddpm.status.jobs import counts, needed_files
from ddpm.status.runs import run_statuses
from ddpm.status.text import status_text
from ddpm.study import load_study

MODEL = "epsilon_L_simple"


@pytest.fixture
def study(project):
    return load_study("config/demo.yaml")


def place(pattern, seed=0):
    path = layout.path(pattern, "demo", model=MODEL, seed=seed)
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def job(state, reason="None", seed=0, node="", number="12") -> QueuedJob:
    return QueuedJob(
        number, state, reason, node, "5:00", comment_of("train", "results/demo", MODEL, str(seed))
    )


def status(study, *queue, seed=0):
    return next(
        run
        for run in run_statuses(study, needed_files(study)[0], queue)
        if (run.model, run.seed) == (MODEL, seed)
    )


def save_state(updates):
    path = place(layout.STATE) / "latest.safetensors"
    path.parent.mkdir(exist_ok=True)
    provenance = json.dumps({"updates": updates})
    save_file({"x": np.zeros(1, np.float32)}, path, {"provenance": provenance})


def test_a_run_from_its_beginning_to_its_end(study):
    assert (status(study).state, status(study).step) == ("not begun", 0)
    waiting = status(study, job("PENDING", "Resources"))
    assert (waiting.state, waiting.place) == ("waiting", "Slurm job 12: Resources")
    save_state(200)
    log = f"2026-11-22 11:48:27,136 train {MODEL}: 1,001/1,100 steps, 8.63 steps/s, 11 s left, loss 0.1\n"
    place(layout.TRAINING_LOG).write_text(log + "2026-11-22 11:48:28,136 another message\n")
    running = status(study, job("RUNNING", node="n7"))
    assert (running.state, running.place) == ("running", "Slurm job 12, n7, 5:00")
    assert (running.step, running.steps, running.rate, running.left) == (1001, 1100, 8.63, "11 s")
    history = place(layout.TRAINING_HISTORY)
    history.write_text("first\n2026-11-22 11:48:29  to step 200: SIGTERM\n")
    saved = status(study)
    assert (saved.state, saved.step, saved.rate) == ("saved", 200, None)
    assert saved.history.endswith("to step 200: SIGTERM")
    receipt = {"status": "trained", "updates": 1100, "settings": training_fingerprint(study, MODEL)}
    place(layout.RECEIPT).write_text(json.dumps(receipt))
    assert (status(study).state, status(study).step) == ("trained", 1100)
    place(layout.RECEIPT).write_text(json.dumps(receipt | {"status": "diverged at step 9", "updates": 9}))
    assert status(study).state == "diverged at step 9"
    place(layout.RECEIPT).write_text(json.dumps(receipt | {"settings": "others"}))
    assert status(study).state == "other settings"
    assert status(study, seed=1).state == "not begun"


def test_a_run_that_is_trained_on_this_machine(study):
    lock = SignedLock(place(layout.TRAINING_LOCK))
    assert lock.take()
    assert status(study).state == "running"
    assert "process" in status(study).place
    lock.release()
    assert status(study).state == "not begun"


def test_a_run_that_the_study_does_not_need_is_shown_once_it_has_begun(study):
    assert run_statuses(study, []) == []
    save_state(200)
    assert [(run.model, run.state) for run in run_statuses(study, [])] == [(MODEL, "saved")]


def test_a_damaged_state_counts_as_none(study):
    save_state(200)
    (place(layout.STATE) / "latest.safetensors").write_bytes(b"damaged")
    assert status(study).state == "not begun"


def test_jobs_are_counted_by_rule(study):
    before = {count.rule: (count.done, count.total) for count in counts(*needed_files(study))}
    assert before["train"] == (0, 7)
    assert before["report"] == (0, 1)
    place(layout.RECEIPT).write_text("{}")
    after = {count.rule: (count.done, count.total) for count in counts(*needed_files(study))}
    assert after == before | {"train": (1, 7)}


def test_the_words(study):
    save_state(200)
    place(layout.TRAINING_HISTORY).write_text("2026-11-22 11:48:29  to step 200: SIGTERM\n")
    queue = [job("PENDING", "PartitionTimeLimit"), job("RUNNING", seed=1, node="n7", number="13")]
    text = status_text(
        run_statuses(study, needed_files(study)[0], queue), counts(*needed_files(study)), queue
    )
    assert f"{MODEL}    0     waiting    200/1,100  Slurm job 12: PartitionTimeLimit\n" in text
    assert f"{MODEL}    1     running    0/1,100    Slurm job 13, n7, 5:00\n" in text
    assert f"  {MODEL} seed 0: 2026-11-22 11:48:29  to step 200: SIGTERM\n" in text
    assert "files made: data 0/1, features 0/1, train 0/7, sample 0/7," in text
    assert text.endswith(
        "Slurm: 1 run, 1 wait (PartitionTimeLimit)\n  13  train results_demo_epsilon_L_simple_1  n7  5:00"
    )
    assert status_text([], [], None) == ""
    assert status_text([], [], []) == "Slurm: no job of this folder"


def test_the_verb(study, monkeypatch, capsys):
    monkeypatch.setattr("ddpm.commands.status._queue", lambda: [job("RUNNING", node="n7")])
    assert main(["status", "config/demo.yaml"]) == 0
    assert "Slurm: 1 run" in capsys.readouterr().out
    assert main(["status", "config/demo.yaml", "--json"]) == 0
    content = json.loads(capsys.readouterr().out)
    assert content["slurm"][0]["number"] == "12"
    assert {"rule": "train", "done": 0, "total": 7} in content["jobs"]
    assert next(run for run in content["runs"] if run["model"] == MODEL)["state"] == "running"


def test_it_is_quick(study):
    """Neither torch nor pandas is loaded."""
    code = (
        "import sys; from ddpm.cli import main; main(['status', 'config/demo.yaml']); "
        "print([name for name in ('torch', 'pandas', 'matplotlib') if name in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.splitlines()[-1] == "[]"
