"""The jobs of the project's studies, as Snakemake finds them in an empty folder: once for all tests."""

import contextlib
import functools
import shutil
from collections.abc import Callable

import pytest

from ddpm.plan.jobs import REPOSITORY, Job, study_jobs
from ddpm.study import load_study


@pytest.fixture(scope="session")
def jobs_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., list[Job]]:
    """The jobs of a study and some of its targets."""
    folder = tmp_path_factory.mktemp("empty")
    shutil.copytree(REPOSITORY / "config", folder / "config", ignore=shutil.ignore_patterns("*.local.yaml"))

    @functools.cache
    def jobs(name: str, *targets: str) -> list[Job]:
        with contextlib.chdir(folder):
            return study_jobs(load_study(f"config/{name}.yaml"), targets)

    return jobs
