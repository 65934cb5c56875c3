from pathlib import Path

import pytest

from ddpm.study import Study, load_study

STUDY = """
title: A study for tests
datasets:
  digits: {source: digits, test_images: 500, split_seed: 0}
defaults: {dataset: digits}
models:
  a: {network: {channels: 8, channel_multipliers: [1], attention_resolutions: [], groups: 8}}
quality:
  features: {kind: classifier, dataset: digits}
artefacts: {}
"""


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    Path("tiny.yaml").write_text(STUDY)
    return load_study("tiny.yaml")
