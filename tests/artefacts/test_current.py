"""Tables, figures and metrics are made of results of the study as it is: settings, data, same weights."""

import argparse
import dataclasses
import json
import shutil
from pathlib import Path

import figure_inputs
import made_up_study
import pytest

from ddpm.artefacts.figures.drawing import draw_figure
from ddpm.artefacts.tables.table import build_table
from ddpm.commands import metrics
from ddpm.data.digits import load_digits
from ddpm.data.store import write_dataset
from ddpm.errors import DataError
from ddpm.graph.dependencies import artefact_inputs
from ddpm.records.traced_files import read_arrays, read_frame, read_provenance, write_arrays, write_frame
from ddpm.study import load_study

LONGER = "training: {steps: 2000"


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = made_up_study.make(tmp_path)
    made_up_study.measure(study)
    return study


def edited():
    file = Path("config/made_up.yaml")
    text = file.read_text()
    assert "training: {steps: 1000" in text
    file.write_text(text.replace("training: {steps: 1000", LONGER))
    return load_study(file)


@pytest.mark.parametrize("table", ["table1", "table2", "table4"])
def test_a_table_of_other_settings_is_refused(study, table):
    build_table(study, table)
    with pytest.raises(
        DataError, match=r"\.parquet: was made under other settings than config/made_up\.yaml"
    ):
        build_table(edited(), table)


def test_metrics_of_other_settings_are_refused(study):
    metrics.run(study, argparse.Namespace())
    before = Path("results/made_up/metrics.json").read_bytes()
    with pytest.raises(DataError, match="other settings"):
        metrics.run(edited(), argparse.Namespace())
    assert Path("results/made_up/metrics.json").read_bytes() == before


def test_measurements_of_other_data_are_refused(study):
    write_dataset(study, "tiny", load_digits(study.datasets["tiny"]))
    with pytest.raises(DataError, match=r"was made of other data than the study has now; delete it and run"):
        build_table(study, "table2")


def test_measurements_of_different_weights_are_not_mixed(study):
    def of_weights(rows):
        # FID is of other weights than NLL.
        return [dataclasses.replace(r, weights_hash=("a" if r.metric == "NLL" else "b") * 64) for r in rows]

    made_up_study.measure(study, of_weights)
    with pytest.raises(DataError, match="is of other weights than"):
        build_table(study, "table1")


@pytest.mark.parametrize(
    "figure", ["figure2", "figure5", "figure10", "figure13", "figure15", "training_curves"]
)
def test_a_figure_of_other_settings_is_refused(tmp_path, monkeypatch, figure):
    monkeypatch.chdir(tmp_path)
    study = figure_inputs.write_study()
    figure_inputs.write_inputs(study)
    shutil.copytree(figure_inputs.PROJECT / "config", "config", dirs_exist_ok=True)
    path = next(iter(artefact_inputs(study, figure).values()))[0]
    if figure == "figure10":
        text = Path("config/tiny.yaml").read_text()
        Path("config/tiny.yaml").write_text(text.replace("training: {steps: 200", "training: {steps: 400"))
        study = load_study("config/tiny.yaml")
    else:
        write, content = (write_arrays, read_arrays) if path.endswith("npz") else (write_frame, read_frame)
        write(
            path, content(path), json.loads(json.dumps(read_provenance(path))) | {"settings": "0123456789ab"}
        )
    with pytest.raises(DataError, match="was made under other settings"):
        draw_figure(study, figure)
