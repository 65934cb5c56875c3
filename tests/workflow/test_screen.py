"""What a run of the workflow shows: the logger plugin of the default profile."""

from __future__ import annotations

import io
import logging
import subprocess
import sys
from pathlib import Path

import pytest
from snakemake_interface_logger_plugins.common import LogEvent
from snakemake_interface_logger_plugins.tests import MockOutputSettings
from studies import ROOT

from snakemake_logger_plugin_ddpm import LogHandler, handler
from snakemake_logger_plugin_ddpm.status_line import fitted

TRAIN = {"home": "results/x", "model": "m", "seed": "1"}


class Run:
    """A handler with a screen of its own, and the records that Snakemake would send it."""

    def __init__(self, monkeypatch, columns=0, term="xterm", **settings) -> None:
        self.screen = io.StringIO()
        if columns:
            self.screen.isatty = lambda: True  # type: ignore[method-assign]
            monkeypatch.setenv("TERM", term)
            monkeypatch.setenv("COLUMNS", str(columns))
        monkeypatch.setattr("sys.stderr", self.screen)
        monkeypatch.setattr("sys.stdout", self.screen)
        given = MockOutputSettings()
        vars(given).update(settings)
        self.handler = LogHandler(given, None)
        self.handler.setFormatter(logging.Formatter("as Snakemake: %(message)s"))

    def tell(self, event, message="", level=logging.INFO, **fields) -> str:
        """Sends a record; returns what it adds to the screen."""
        before = len(self.screen.getvalue())
        record = logging.LogRecord("snakemake", level, "", 0, message, (), None)
        record.__dict__.update(event=event, **fields)
        self.handler.handle(record)
        return self.screen.getvalue()[before:]

    def begin(self, number, rule, wildcards, log=(), local=True) -> str:
        fields = {"jobid": number, "rule_name": rule, "wildcards": wildcards, "log": list(log)}
        return self.tell(LogEvent.JOB_INFO, output=["file"], local=local, **fields)

    def end(self, number, done, total) -> str:
        self.tell(LogEvent.JOB_FINISHED, job_id=number)
        return self.tell(LogEvent.PROGRESS, done=done, total=total)

    def fail(self, number, log, message=None) -> str:
        fields = {"jobid": number, "rule_name": "train", "wildcards": {}, "log": [str(log)]}
        return self.tell(LogEvent.JOB_ERROR, "Error in rule", logging.ERROR, rule_msg=message, **fields)

    def close(self) -> str:
        before = len(self.screen.getvalue())
        self.handler.close()
        self.handler.close()
        return self.screen.getvalue()[before:]


@pytest.fixture
def log(tmp_path) -> Path:
    path = tmp_path / "train.log"
    progress = "train m seed 1: 500/1,000 steps, 10 steps/s, 50 s left, loss 0.2"
    path.write_text(
        f"2026-01-01 00:00:00,000 {progress}\n2026-01-01 00:00:00,000 train m seed 1: trained, loss 0.1\n"
    )
    return path


def test_a_line_for_a_job_begun_and_one_ended_with_its_result_and_the_time_left(log, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    run = Run(monkeypatch)
    stats = {"train": 2, "figure": 1, "all": 1, "total": 4}
    assert run.tell(LogEvent.RUN_INFO, "a table", stats=stats) == "4 jobs: 2 train, 1 figure, 1 all\n"
    planned = {1: ("train", 20.0), 2: ("train", 20.0), 3: ("figure", 10.0)}
    assert run.tell(None, "None", planned_jobs=planned) == ""
    assert run.begin(1, "train", TRAIN, [log]).endswith("begun               train m seed 1\n")
    now[0] += 60
    assert run.end(1, 1, 4).endswith("1/4, 2 min left     train m seed 1: trained, loss 0.1 (60 s)\n")
    assert run.begin(3, "figure", {"home": "results/x", "figure": "figure5"}).endswith(" figure5\n")
    now[0] += 10
    assert run.end(3, 2, 4).endswith("2/4, 60 s left      figure5 (10 s)\n")
    run.begin(2, "train", TRAIN | {"seed": "2"}, [log])
    now[0] += 60
    run.end(2, 3, 4)
    assert run.end(None, 4, 4) == ""
    assert run.close() == "4 of 4 jobs done in 2 min\n"


def test_the_last_line_of_a_terminal_shows_what_runs(log, monkeypatch):
    now = [1000.0]
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    run = Run(monkeypatch, columns=200)
    run.tell(LogEvent.RUN_INFO, stats={"train": 1, "figure": 2, "total": 3})
    assert run.begin(1, "train", TRAIN, [log]) == ""
    log.write_text(log.read_text().split("\n")[0])
    now[0] += 7
    run.begin(2, "figure", {"home": "results/x", "figure": "figure5"})
    now[0] += 3
    shown = "0/3  2 running: train m seed 1 (50 %), figure5 (3 s)"
    assert run.handler._now() == shown
    # A line that ends a job takes its place; then it stands there again, without that job.
    run.handler.status.show(run.handler._now())
    assert run.screen.getvalue().endswith(f"\r\033[K{shown}\r")
    said = run.end(2, 1, 3)
    assert said.startswith("\r\033[K")
    assert "1/3                 figure5 (3 s)\n\r\033[K1/3  1 running: train m seed 1 (50 %)\r" in said
    run.begin(3, "bound", {"home": "results/x"}, local=False)
    assert " queued or running: " in run.handler._now()
    assert run.close().startswith("\r\033[K1 of 3 jobs done")


def test_the_last_line_is_written_anew_while_jobs_run(monkeypatch):
    monkeypatch.setattr(handler, "_PAUSE", 0.001)
    run, shown = Run(monkeypatch, columns=80), handler.threading.Event()
    monkeypatch.setattr(run.handler.status, "show", lambda text: shown.set() if text else None)
    run.begin(1, "train", TRAIN)
    assert shown.wait(10)
    run.close()


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "1/9  3 running: train a (50 %), figure5 (3 s), table1 (1 s)"),
        (50, "1/9  3 running: train a (50 %) and 2 more"),
        (1, "1/9  3 running: train a (... and 2 more"),
    ],
)
def test_the_last_line_has_as_many_jobs_as_fit(columns, line):
    jobs = ["train a (50 %)", "figure5 (3 s)", "table1 (1 s)"]
    assert fitted("1/9  3 running:", jobs, columns) == line


def test_no_last_line_where_none_can_be_erased(monkeypatch):
    assert not Run(monkeypatch).handler.status.is_used
    run = Run(monkeypatch, columns=80, term="dumb")
    assert "begun" in run.begin(1, "train", TRAIN)
    assert "\033" not in run.screen.getvalue()


def test_jobs_in_a_queue_are_submitted_and_no_time_left_is_told(log, monkeypatch):
    run = Run(monkeypatch)
    run.tell(None, planned_jobs={1: ("train", 20.0), 2: ("train", 20.0)})
    assert "  submitted " in run.begin(1, "train", TRAIN, [log], local=False)
    assert " left" not in run.end(1, 1, 2)


def test_quiet_about_progress_tells_failures_all_the_same(log, monkeypatch):
    for fails in (False, True):
        run = Run(monkeypatch)
        run.begin(1, "train", TRAIN, [log])
        if fails:
            run.fail(1, log)
        assert ("1 failed, in " in run.close()) == fails
        assert " of 0 " not in run.screen.getvalue()


def test_failed_jobs_stand_last_with_their_logs(tmp_path, log, monkeypatch):
    run, long, empty = Run(monkeypatch), tmp_path / "long.log", tmp_path / "empty.log"
    long.write_text("".join(f"2026-01-01 00:00:00,000 line {n}\n" for n in range(50)))
    empty.touch()
    killed = tmp_path / "killed.log"
    killed.write_text(log.read_text().split("\n")[0] + "\n")
    for number, path in enumerate((long, empty, killed, tmp_path / "absent.log", log)):
        run.begin(number, "train", TRAIN | {"seed": number}, [path])
        run.tell(LogEvent.PROGRESS, done=0, total=9)
        assert "FAILED" in run.fail(number, path, "SLURM-job '7' failed. More." if number == 0 else None)
    # One that was tried again, and then ended, has not failed.
    run.begin(4, "train", TRAIN | {"seed": 4}, [log])
    run.end(4, 1, 9)
    message = "WorkflowError:\nAt least one job did not complete successfully."
    assert run.tell(LogEvent.ERROR, message, logging.ERROR) == ""
    said = run.close()
    assert "4 of 9 jobs failed, 1 done, 4 not made, in" in said
    assert (
        f"train m seed 0\n    SLURM-job '7' failed. More.\n    log: {long}\n    ... 40 lines before\n" in said
    )
    assert "    line 40\n" in said
    assert "line 39\n" not in said
    assert f"log: {empty}\n    (the log is empty" in said
    assert "absent.log\n    (the log is empty" in said
    assert "loss 0.2\n    (no more: the job was killed" in said
    assert "seed 4" not in said
    assert said.endswith("The same command again goes on: what is done stays done.\n")


def test_a_run_that_was_stopped_lists_no_failures(log, monkeypatch):
    run = Run(monkeypatch)
    run.tell(LogEvent.RUN_INFO, stats={"train": 1, "total": 1})
    run.begin(1, "train", TRAIN, [log])
    assert "Terminating" in run.tell(
        None, "Terminating processes on user request, this might take some time."
    )
    assert "  stopped  " in run.fail(1, log)
    assert run.close().endswith("the same command again goes on\n")


def test_what_snakemake_says_besides_its_bookkeeping_is_shown_whole(monkeypatch):
    run = Run(monkeypatch, columns=40)
    long = "WorkflowError:\n" + "a word " * 30
    assert run.tell(LogEvent.ERROR, long, logging.ERROR) == f"\033[31mas Snakemake: {long}\033[0m\n"
    assert "nothing yet known" in run.tell(None, "nothing yet known")
    assert run.tell(None, "Select jobs to execute...") == ""
    assert run.tell(LogEvent.RESOURCES_INFO, "Provided cores: 2") == ""


def test_lines_fold_at_the_width_of_a_terminal(log, monkeypatch):
    run = Run(monkeypatch, columns=50)
    run.begin(1, "train", TRAIN, [log])
    log.write_text("train m seed 1: " + "a long result " * 5)
    lines = run.end(1, 1, 2).splitlines()
    assert len(lines) > 2
    assert all(len(line) <= 50 for line in lines)


@pytest.mark.parametrize("how", [{"dryrun": True, "stdout": True}, {"verbose": True}, {"debug_dag": True}])
def test_dry_runs_and_verbose_show_what_snakemake_shows(how, log, monkeypatch):
    run = Run(monkeypatch, **how)
    assert run.tell(LogEvent.JOB_INFO, "rule train") == "as Snakemake: rule train\n"
    assert run.close() == ""


def test_running_jobs_are_told_of_after_a_silence(log, monkeypatch):
    monkeypatch.setattr(handler, "_SILENCE", 0.0)
    monkeypatch.setattr(handler, "_PAUSE", 0.001)
    run = Run(monkeypatch)
    said = handler.threading.Event()
    monkeypatch.setattr(run.handler, "_tell_running", said.set)
    log.write_text(log.read_text().split("\n")[0])
    run.begin(1, "train", TRAIN, [log])
    assert said.wait(10)
    run.close()
    monkeypatch.undo()
    LogHandler._tell_running(run.handler)
    assert "  running             train m seed 1: 500/1,000 steps, 10 steps/s, " in run.screen.getvalue()


@pytest.mark.workflow
@pytest.mark.parametrize("is_there", [True, False])
def test_the_profile_asks_for_the_plugin_where_it_is_installed(is_there, tmp_path):
    """An environment from before there was one still works."""
    code = "import importlib.util as u, sys, yaml, yte\nfind = u.find_spec\n"
    code += (
        f"u.find_spec = lambda name, *more: {is_there} if name.startswith('snakemake_l') else find(name)\n"
    )
    code += "print(yte.process_yaml(open(sys.argv[1])).get('logger'))"
    profile = str(ROOT / "profiles" / "default" / "config.yaml")
    run = subprocess.run([sys.executable, "-c", code, profile], capture_output=True, text=True, check=True)
    assert run.stdout == ("ddpm\n" if is_there else "None\n")
