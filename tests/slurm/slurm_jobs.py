"""What the controller knows about jobs."""

from __future__ import annotations

import dataclasses
import re
import subprocess


@dataclasses.dataclass(frozen=True)
class SlurmJob:
    """A job: its number, the rule and wildcards it runs, and the fields of `scontrol show job`."""

    number: str
    name: str
    fields: dict[str, str]

    @property
    def state(self) -> str:
        return self.fields["JobState"]

    @property
    def requested(self) -> dict[str, str]:
        """Resources such as cpu, mem, gres/gpu."""
        return dict(pair.split("=", 1) for pair in self.fields["TRES"].split(","))


def jobs(folder: object) -> list[SlurmJob]:
    """All jobs submitted from a folder that the controller remembers, oldest first."""
    text = slurm_command("scontrol", "show", "job", "--oneliner")
    found = []
    for line in text.splitlines():
        pairs = re.findall(r"(\w+(?:/\w+)?)=(.*?)(?= \w+(?:[/:]\w+)*=|$)", line)
        fields = {key: value.strip() for key, value in pairs}
        if fields.get("WorkDir") == str(folder):
            name = fields.get("Comment", "").removeprefix("rule_").replace("_wildcards", "")
            found.append(SlurmJob(fields["JobId"], name, fields))
    return sorted(found, key=lambda job: int(job.number))


def slurm_command(*words: str) -> str:
    """What a Slurm command prints."""
    return subprocess.run(words, check=True, capture_output=True, text=True, timeout=300).stdout
