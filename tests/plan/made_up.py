"""Studies for the tests of plans: the project's own with some settings changed."""

from pathlib import Path
from typing import Any

import yaml
from ddpm.plan.speed import speed_of_step

from ddpm.plan.cost import Plan, used_models
from ddpm.plan.jobs import study_jobs, target_files
from ddpm.study import Study, load_study


def changed(name: str, change: dict[str, Any], new: str = "changed") -> Study:
    """config/<name>.yaml of the working folder with some settings replaced, as config/<new>.yaml."""
    layer = {"extends": f"{name}.yaml", **change}
    Path("config", f"{new}.yaml").write_text(yaml.safe_dump(layer, sort_keys=False))
    return load_study(Path("config", f"{new}.yaml"))


def planned(study: Study, *targets: str, step_time: float = 0.1) -> Plan:
    """The plan of a study for a machine with training steps of that many seconds."""
    jobs = study_jobs(study, target_files(study, targets))
    speed = speed_of_step(study, used_models(jobs.all, study), step_time)
    return Plan(study, jobs, tuple(jobs.to_run), speed)


def make(*files: str) -> None:
    """Makes empty files."""
    for file in files:
        Path(file).parent.mkdir(parents=True, exist_ok=True)
        Path(file).touch()
