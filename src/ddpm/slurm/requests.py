"""What the jobs of a run will ask Slurm for, and whether it would accept that: asked before any is submitted.

A request that Slurm refuses fails each job, at each of its attempts. One for more time than the partition
gives is accepted and waits for ever.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from ddpm.errors import SlurmError
from ddpm.programs import ask
from ddpm.slurm.queue import PATIENCE

PROFILE = Path("slurm/config.yaml")
# What Slurm says (22.05 to 25.05, in lower case), and the lines of the profile that it may be due to.
_LINES = {
    "partition name": ("partition",),
    "invalid partition": ("partition",),
    "account": ("account", "partition"),
    "qos": ("account", "partition"),
    "generic resource": ("gpu_type", "gpus"),
    "gres": ("gpu_type", "gpus"),
    "time limit": ("walltime",),
}
_ANY = ("partition", "gpu_type", "gpus", "account")
_TIME = re.compile(r"(?:(\d+)-)?(\d+)(?::(\d+))?(?::(\d+))?")


@dataclass(frozen=True)
class Request:
    """What a job asks for, as words for sbatch.

    Attributes:
        partition: by name, or several with commas between; "" for the default one.
        minutes: of time; None for the partition's default.
        others: further options.
    """

    partition: str
    minutes: int | None
    others: tuple[str, ...]

    @property
    def words(self) -> tuple[str, ...]:
        """All of it."""
        partition = (f"--partition={self.partition}",) if self.partition else ()
        time = () if self.minutes is None else (f"--time={self.minutes}",)
        return (*partition, *time, *self.others)


def request_of(resources: Mapping[str, object]) -> Request:
    """The request that the executor makes of the resources of a rule.

    Args:
        resources: those that Snakemake's executor for Slurm knows, by name.
    """
    options = {
        "--account": resources.get("slurm_account"),
        "--mem": resources.get("mem_mb"),
        "--nodes": resources.get("nodes"),
        "--qos": resources.get("qos"),
        "--constraint": resources.get("constraint"),
        "--cpus-per-task": resources.get("cpus_per_task"),
    }
    if gpus := resources.get("gpu"):
        model = resources.get("gpu_model")
        options["--gpus"] = f"{model}:{gpus}" if model else gpus
    others = [f"{option}={value}" for option, value in options.items() if value not in (None, "")]
    others += shlex.split(str(resources.get("slurm_extra") or ""))
    minutes = resources.get("runtime")
    partition = str(resources.get("slurm_partition") or "")
    return Request(partition, None if minutes is None else int(str(minutes)), tuple(others))


def require_accepted(requests: Mapping[Request, str], profile: Path = PROFILE) -> None:
    """Checks that Slurm would take such jobs, and that they fit their partition's time.

    Args:
        requests: with the rule that makes each.
        profile: the file whose lines are to be edited.

    Raises:
        SlurmError: Slurm refuses one, or would let it wait for ever; names the lines to edit.
    """
    for request, rule in requests.items():
        answer = ask("sbatch", "--test-only", *request.words, "--wrap=:", seconds=PATIENCE)
        if answer is not None and not answer.good:
            lines = next((lines for words, lines in _LINES.items() if words in answer.text.lower()), _ANY)
            raise SlurmError(
                f"Slurm refuses jobs of the rule {rule}: {answer.text}\n"
                f"    they ask for: {shlex.join(request.words)}\n"
                f'Nothing was started. Edit {_named(lines)} of {profile}; `sinfo -o "%P %l %G"` lists '
                "partitions, their time limits and GPUs."
            )
    for request, rule in requests.items():
        limit = time_limit(request.partition)
        if limit is not None and request.minutes is not None and request.minutes > limit:
            raise SlurmError(
                f"Jobs of the rule {rule} ask for {request.minutes} minutes, and the partition "
                f"{request.partition or 'of this cluster'} gives {limit} at most: Slurm would let them\n"
                "wait for ever (PartitionTimeLimit). Nothing was started. Edit "
                f"{_named(('walltime', 'partition'))} of {profile}."
            )


def time_limit(partition: str) -> int | None:
    """The longest that a job may run in a partition, in minutes; None if there is no limit, or none is known.

    Args:
        partition: by name; of several with commas between, Slurm takes one that fits. "" for all.
    """
    names = (f"--partition={partition}",) if partition else ()
    answer = ask("sinfo", "--noheader", *names, "--format=%l", seconds=PATIENCE)
    if answer is None or not answer.good:
        return None
    limits = [_minutes(word.strip()) for word in answer.text.splitlines()]
    known = [limit for limit in limits if limit is not None]
    return max(known) if known and len(known) == len(limits) else None


def _minutes(word: str) -> int | None:
    """Of "3-00:00:00", "2:00:00", "30:00"; None of "infinite" and "n/a"."""
    if (found := _TIME.fullmatch(word)) is None:
        return None
    days, *parts = found.groups()
    numbers = [int(part) for part in parts if part is not None]
    # With days: hours first. Without: the last number is of seconds, where there are several.
    scale = (60, 1, 0) if days is not None or len(numbers) == 3 else (1, 0)
    clock = sum(number * factor for number, factor in zip(numbers, scale, strict=False))
    return 1440 * int(days or 0) + clock


def _named(lines: tuple[str, ...]) -> str:
    names = " or ".join(f"`{name}`" for name in lines)
    return f"the line {names}"
