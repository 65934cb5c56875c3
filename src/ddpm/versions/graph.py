"""All jobs of a study, those included that only DVC's metrics and plots need."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml

from ddpm.errors import DDPMError
from ddpm.plan.jobs import Job, Jobs, study_jobs, target_files
from ddpm.study import Study, layout, load_study
from ddpm.study.layers import StudyFile
from ddpm.versions.metrics_files import METRICS_FILES, metrics_inputs


def study_graph(study: Study) -> Jobs:
    """The jobs behind every table, figure and page of a study, and the one that makes its metrics."""
    jobs = study_jobs(study, target_files(study, []))
    home = layout.home(study.name)
    inputs = [file for files in metrics_inputs(study).values() for file in files]
    outputs = tuple(pattern.format(home=home) for pattern in METRICS_FILES)
    # Each of its inputs is one of a table or figure too: the jobs above make them all.
    metrics = Job("metrics", (), tuple(dict.fromkeys(inputs)), outputs)
    return Jobs((*jobs.all, metrics), (*jobs.targets, *outputs))


def locked_study(file: str, settings: dict[str, Any]) -> Study | None:
    """The study of a file with the settings that dvc.lock holds.

    None if they are not all: the file has more layers (a local one, or what it extends), or keys are missing.
    """
    if len(StudyFile(Path(file)).layers) > 1:
        return None
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / Path(file).name
        copy.write_text(yaml.safe_dump(settings), encoding="utf-8")
        try:
            return load_study(copy)
        except DDPMError:
            return None
