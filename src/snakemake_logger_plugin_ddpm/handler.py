"""The handler that Snakemake passes its log records to."""

from __future__ import annotations

import logging
import shutil
import sys
import textwrap
import threading
import time
from typing import TextIO

from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

from snakemake_logger_plugin_ddpm import job_log
from snakemake_logger_plugin_ddpm.jobs import Job, seconds_left
from snakemake_logger_plugin_ddpm.slurm_waits import SlurmWaits
from snakemake_logger_plugin_ddpm.status_line import StatusLine, fitted

# What Snakemake tells of its own work, in .snakemake/log as well.
_BOOKKEEPING = frozenset(
    {
        LogEvent.WORKFLOW_STARTED,
        LogEvent.RESOURCES_INFO,
        LogEvent.JOB_STARTED,
        LogEvent.GROUP_INFO,
        LogEvent.RULEGRAPH,
    }
)
_BOOKKEEPING_WORDS = (
    "Assuming unrestricted shared filesystem",
    "Using shell:",
    "Conda environments: ignored",
    "Provided resources:",
    "Select jobs to execute...",
    "Elapsed time:",
)
# What Snakemake says of failed jobs besides; they are told here, and their list stands last.
_FAILURE_WORDS = (
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete",
)
# Seconds without a line until those of the running jobs are shown, and the share of the run for a long one.
_SILENCE, _SILENT_SHARE = 60.0, 0.05
_PAUSE = 1.0  # between looks
_SHOWN_AT_ONCE = 6
_INDENT = " " * 27
_COLOURS = {"red": "\033[31m", "yellow": "\033[33m", "": ""}


class LogHandler(LogHandlerBase):
    """Shows a run of the workflow; see the package."""

    writes_to_stream = True
    writes_to_file = False
    # Snakemake's own, which know --quiet, --verbose and --printshellcmds.
    has_filter = False
    has_formatter = False
    needs_rulegraph = False

    def __post_init__(self) -> None:
        """Begins with no jobs."""
        self.stream: TextIO = sys.stdout if self.common_settings.stdout else sys.stderr
        settings = self.common_settings
        self.as_snakemake = bool(settings.dryrun or settings.verbose or settings.debug_dag)
        self.jobs: dict[int, Job] = {}
        self.failed: dict[int, Job] = {}
        self.planned: dict[int, float] = {}
        self.rules: dict[int, str] = {}
        self.counted: list[int] = []  # that have ended since the last count
        self.status = StatusLine(self.stream)
        self.done, self.total = 0, 0
        self.stopping = False  # on request
        self.began = self.spoke = time.monotonic()
        self.ended = threading.Event()

    def emit(self, record: logging.LogRecord) -> None:
        """Shows a record, or what is to be known of it."""
        try:
            if self.as_snakemake:
                self._write(self.format(record), _colour(record))
                return
            self._tell(record)
        except Exception:
            self.handleError(record)

    def close(self) -> None:
        """Ends with the number of jobs and the time; where jobs failed, with them and their logs."""
        if not self.ended.is_set():
            self.ended.set()
            with self.lock:  # type: ignore[union-attr]
                self.status.show("")
                if self.jobs and not self.as_snakemake:
                    self._tell_end()
        super().close()

    def _tell(self, record: logging.LogRecord) -> None:
        event = getattr(record, "event", None)
        if hasattr(record, "planned_jobs"):
            self.planned = {number: seconds for number, (_, seconds) in record.planned_jobs.items()}
            self.rules = {number: rule for number, (rule, _) in record.planned_jobs.items()}
        elif event == LogEvent.RUN_INFO:
            self._tell_jobs(record)
        elif event == LogEvent.JOB_INFO:
            self._tell_begun(record)
        elif event == LogEvent.JOB_FINISHED:
            self._note_end(record.job_id)  # type: ignore[attr-defined]
        elif event == LogEvent.PROGRESS:
            self._tell_ended(record.done, record.total)  # type: ignore[attr-defined]
        elif event == LogEvent.JOB_ERROR:
            self._tell_failed(record)
        elif event not in _BOOKKEEPING and not self._is_told_here(record.getMessage()):
            self.stopping |= record.getMessage().startswith("Terminating processes on user request")
            self._write(self.format(record), _colour(record))

    def _is_told_here(self, message: str) -> bool:
        exits = message.startswith("RuleException:\nCalledProcessError")
        again = bool(self.failed) and message.startswith(_FAILURE_WORDS)
        return exits or again or message.startswith(_BOOKKEEPING_WORDS)

    def _tell_jobs(self, record: logging.LogRecord) -> None:
        """One line instead of a table: how many jobs of which rules."""
        counts = dict(record.stats)  # type: ignore[attr-defined]
        self.total = counts.pop("total", 0)
        self._write(
            _folded(f"{self.total} jobs: " + ", ".join(f"{n} {rule}" for rule, n in counts.items()), "  ")
        )

    def _tell_begun(self, record: logging.LogRecord) -> None:
        number = record.jobid  # type: ignore[attr-defined]
        if not self.jobs:
            self.began = time.monotonic()
            threading.Thread(target=self._break_silence, daemon=True).start()
        job = self.jobs[number] = Job.of(record)
        # On a terminal the last line shows what runs here; a queue is nothing that runs.
        if job.makes_files and not (self.status.is_used and job.local):
            self._line("begun" if job.local else "submitted", job.title)

    def _note_end(self, number: int) -> None:
        if (job := self.jobs.get(number)) is not None:
            job.ended = time.monotonic()
            self.failed.pop(number, None)
            self.counted.append(number)

    def _tell_ended(self, done: int, total: int) -> None:
        """The jobs that have ended since the last count; targets, which make nothing, are counted alone."""
        self.done, self.total = done, total
        ended, self.counted = [self.jobs[number] for number in self.counted], []
        count = self._count()
        for job in ended:
            if job.makes_files:
                found = job_log.result(job.logs, job.rule)
                took = _duration(job.seconds())
                self._line(count, f"{job.title}: {found} ({took})" if found else f"{job.title} ({took})")

    def _count(self) -> str:
        left = seconds_left(self.jobs, self.planned, self.rules)
        return f"{self.done}/{self.total}" + (f", {_duration(left)} left" if left else "")

    def _tell_failed(self, record: logging.LogRecord) -> None:
        number = record.jobid  # type: ignore[attr-defined]
        job = self.jobs.setdefault(number, Job.of(record))
        job.ended, job.logs = time.monotonic(), list(record.log)  # type: ignore[attr-defined]
        job.message = str(getattr(record, "rule_msg", None) or "")
        self.failed[number] = job
        # The rest of what an executor says stands in the list at the end.
        first = job.message.partition(". ")[0]
        text = f"{job.title}: {first}" if first else job.title
        self._line(*(("stopped", text) if self.stopping else ("FAILED", text, "red")))

    def _tell_end(self) -> None:
        took = _duration(time.monotonic() - self.began)
        # With `--quiet progress` nothing is known of the number of jobs.
        if self.stopping or not self.failed:
            rest = "; the same command again goes on" if self.stopping else ""
            if self.total:
                self._write(f"{self.done} of {self.total} jobs done in {took}{rest}")
            return
        left = self.total - self.done - len(self.failed)
        counts = (
            f" of {self.total} jobs failed, {self.done} done, {left} not made" if self.total else " failed"
        )
        self._write(f"\n{len(self.failed)}{counts}, in {took}:", "red")
        for job in self.failed.values():
            self._write(f"\n{job.title}", "red")
            self._write(textwrap.indent(job.message, "    "))
            for log in job.logs or ["(none)"]:
                self._write(f"    log: {log}")
                self._write(textwrap.indent("\n".join(job_log.tail(log)), "    ") if job.logs else "")
        self._write("\nThe same command again goes on: what is done stays done.")

    def _break_silence(self) -> None:
        """Keeps the last line of a terminal; elsewhere says now and then how far the running jobs are."""
        waits = SlurmWaits()
        while not self.ended.wait(_PAUSE):
            # Before the lock: Slurm may take its time.
            handed_over = any(not job.local for job in self._running())
            reasons = waits.news() if handed_over and shutil.which("squeue") else []
            with self.lock:  # type: ignore[union-attr]
                for reason in reasons:
                    self._line("waiting", reason, "yellow")
                now = time.monotonic()
                if self.status.is_used:
                    self.status.show(self._now())
                elif now - self.spoke >= max(_SILENCE, _SILENT_SHARE * (now - self.began)):
                    self._tell_running()
                    self.spoke = now

    def _running(self) -> list[Job]:
        return [job for job in list(self.jobs.values()) if job.ended is None and job.makes_files]

    def _now(self) -> str:
        """The last line of a terminal; "" while nothing runs."""
        running = [] if self.ended.is_set() else self._running()
        if not running:
            return ""
        count = f"{self._count()}  " if self.total else ""
        # Of a queue it is not known what of it runs.
        state = "running" if all(job.local for job in running) else "queued or running"
        shares = (job_log.share(job.logs, job.rule) or _duration(job.seconds()) for job in running)
        jobs = [f"{job.title} ({share})" for job, share in zip(running, shares, strict=True)]
        return fitted(f"{count}{len(jobs)} {state}:", jobs)

    def _tell_running(self) -> None:
        running = self._running()
        for job in running[:_SHOWN_AT_ONCE]:
            if newest := job_log.newest(job.logs, job.rule):
                self._line("running", f"{job.title}: {newest}")
        if len(running) > _SHOWN_AT_ONCE:
            self._line("running", f"and {len(running) - _SHOWN_AT_ONCE} more")

    def _line(self, state: str, text: str, colour: str = "") -> None:
        self._write(_folded(f"{time.strftime('%H:%M')}  {state:<18}  {text}", _INDENT), colour)

    def _write(self, text: str, colour: str = "") -> None:
        if not text or text == "None":
            return
        self.spoke = time.monotonic()
        colourful = self.stream.isatty() and not self.common_settings.nocolor
        before, after = (_COLOURS[colour], "\033[0m") if colourful and colour else ("", "")
        self.status.show("")
        self.stream.write(f"{before}{text}{after}\n")
        self.stream.flush()
        self.status.show(self._now())


def _colour(record: logging.LogRecord) -> str:
    return "red" if record.levelno >= logging.ERROR else "yellow" if record.levelno == logging.WARNING else ""


def _folded(text: str, indent: str) -> str:
    """The text in lines of a terminal's width; as it is where there is none."""
    if not sys.stderr.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    return textwrap.fill(
        text, max(columns, 40), subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )


def _duration(seconds: float) -> str:
    """In whole seconds or minutes; hours and days as `ddpm plan` gives them."""
    if seconds < 90:
        return f"{max(1, round(seconds))} s"
    if seconds < 90 * 60:
        return f"{round(seconds / 60)} min"
    from ddpm.plan.units import duration

    return duration(seconds)
