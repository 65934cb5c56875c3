"""Studies and plans for tests: the project's own with some settings changed; jobs without Snakemake."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from ddpm.graph import layout
from ddpm.plan.cost import Plan, speed_of_step, used_models
from ddpm.plan.jobs import Job
from ddpm.study import Study, load_study


def changed(name: str, change: dict[str, Any], new: str = "changed") -> Study:
    """config/<name>.yaml of the working folder with some settings replaced, as config/<new>.yaml."""
    layer = {"extends": f"{name}.yaml", **change}
    Path("config", f"{new}.yaml").write_text(yaml.safe_dump(layer, sort_keys=False))
    return load_study(Path("config", f"{new}.yaml"))


def job(study: Study, rule: str, **wildcards: object) -> Job:
    """A job without its files."""
    return Job(
        rule, {"home": layout.home(study.name), **{key: str(value) for key, value in wildcards.items()}}
    )


def planned(study: Study, jobs: Sequence[Job], step_time: float = 0.1) -> Plan:
    """The plan of some jobs for a machine with training steps of that many seconds."""
    models = used_models(study, jobs) or list(study.models)
    return Plan(study, jobs, speed_of_step(study, models, step_time))
