"""The choice among checkpoints: the least FID, the earlier of equals, nothing else."""

import math
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ddpm.errors import DataError
from ddpm.evaluation.checkpoints import best_step
from ddpm.evaluation.protocol import Score
from ddpm.graph.fingerprint import checkpoint_fingerprint
from ddpm.graph.run_files import checkpoint_rows
from ddpm.records.measurements import measurements, write_measurements
from ddpm.study import Study, load_study

STEPS = [10, 20, 30, 40]
STUDY = """
title: Checkpoints
datasets: {digits: {source: digits}}
defaults:
  dataset: digits
  network: {channels: 8, channel_multipliers: [1], attention_resolutions: [], groups: 8}
  training: {steps: 40}
  checkpoints: {steps: [10, 20, 30], evaluate: minimum_fid}
models: {model: {}}
quality: {features: {kind: classifier, dataset: digits}}
artefacts: {}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    Path("choice.yaml").write_text(STUDY)
    return load_study("choice.yaml")


def write(study: Study, values: list[float], fingerprint: str | None = None) -> None:
    settings = fingerprint or checkpoint_fingerprint(study, "model")
    about = {"study": study.name, "model": "model", "settings": settings, "status": "trained"}
    about |= {"git_commit": "c", "hardware": "h"}
    for path, fid in zip(checkpoint_rows(study, "model", 0), values, strict=True):
        scores = [Score(name, None, x, None, 5000, "made up") for name, x in (("IS", 1.0), ("FID", fid))]
        write_measurements(path, measurements(scores, about))


def chosen(study: Study) -> tuple[int, float]:
    rows = dict(zip(STEPS, checkpoint_rows(study, "model", 0), strict=True))
    return best_step(rows, checkpoint_fingerprint(study, "model"))


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(values=st.lists(st.floats(0, 500) | st.just(math.nan), min_size=4, max_size=4))
def test_the_least_fid_wins(study, values):
    write(study, values)
    step, fid = chosen(study)
    finite = [value for value in values if not math.isnan(value)]
    if finite:
        assert fid == min(finite)
        assert step == STEPS[values.index(min(finite))]
    else:
        assert math.isnan(fid)


def test_measurements_of_other_settings_are_refused(study):
    write(study, [4.0, 3.0, 2.0, 1.0], fingerprint="other")
    with pytest.raises(DataError, match="measured under other settings; delete it and run"):
        chosen(study)
