"""Table 3 from made-up measurements, and its pairs in the comparison."""

from pathlib import Path

import made_up_study
import numpy as np
import pandas as pd
import pytest

from ddpm.artefacts.tables.table import build_table
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.study import load_study

STUDY = """
title: Large
datasets:
  bedroom: {source: lsun, archive: bedroom}
  church: {source: lsun, archive: church, images: 300}
  faces: {source: celebahq, path: faces}
defaults:
  network: {channel_multipliers: [1, 1, 2, 2, 4, 4]}
models:
  small: {dataset: bedroom}
  large: {dataset: bedroom, network: {channels: 192}}
  churches: {dataset: church, sampling: {images: 90}}
  cats: {dataset: faces, samples: cats.npz}
sampling: {images: 50000}
quality: {features: {kind: inception}}
artefacts:
  models: null
  table3: {Bedroom: small, Church: churches, Cat: cats, Bedroom_large: large}
  comparison: {}
"""
FID = {"small": 6.5, "large": 5.25, "churches": 9.0, "cats": 20.5}
IMAGES = {"churches": 90}


@pytest.fixture
def study(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    study = written(STUDY)
    for model, value in FID.items():
        path = layout.path(layout.QUALITY_ROWS, study.name, model=model, seed=0, sampling=0)
        about = {"split": "train", "n": IMAGES.get(model, 50_000), "protocol": "FID", "sampling_seed": 0}
        made_up_study.write(study, path, [made_up_study.row(study, model, 0, "FID", value, **about)])
    # What is measured needs no images; without them the comparison would leave table3 out.
    return study


def written(text: str):
    Path("config").mkdir(exist_ok=True)
    Path("config/large.yaml").write_text(text)
    Path("config/published.csv").write_bytes((made_up_study.PROJECT / "config/published.csv").read_bytes())
    return load_study("config/large.yaml")


def test_each_number_stands_in_its_cell(study):
    built = build_table(study, "table3")
    lines = {line.label: line for group in built.view.groups for line in group.lines}
    shown = {label: [cell.text for cell in line.cells] for label, line in lines.items()}
    assert shown["StyleGAN"] == ["2.65", "4.21*", "8.53*"]
    assert shown["StyleGAN2"] == ["", "3.86", "6.93"]
    assert shown["Ours (L_simple)"] == ["6.36", "7.89", "19.75"]
    assert shown["Ours (L_simple), measured here"] == ["6.50", "9.00", "20.50"]
    assert shown["Ours (L_simple, large), measured here"] == ["5.25", "", ""]
    assert [cell.best for cell in lines["StyleGAN2"].cells] == [False, True, True]
    measured = built.frame[built.frame["source"] == "measured"].set_index("row")
    assert measured.loc["L_simple", "Church_FID"] == FID["churches"]
    assert measured.loc["L_simple", "Church_model"] == "churches"
    assert set(built.trace["cell_row"]) == {"Bedroom", "Church", "Cat", "Bedroom_large"}


def test_notes_say_what_may_not_be_compared(study):
    notes = "\n".join(build_table(study, "table3").view.notes)
    assert "data faces, not LSUN (cats)" in notes
    assert "90 samples, not 50,000 (churches)" in notes
    assert "cats was neither trained nor sampled here: its samples are those of cats.npz." in notes
    assert "small" not in notes.partition("Not to be compared")[2].partition("\n")[0]


def test_pairs_are_compared_with_their_own_number(study):
    frame = build_table(study, "comparison").frame.set_index("model")
    assert frame["published"].to_dict() == {"small": 6.36, "large": 4.90, "churches": 7.89, "cats": 19.75}
    assert np.allclose(frame.loc["small", "difference"], 6.5 - 6.36)
    assert pd.isna(frame.loc["small", "differs"]) or not frame.loc["small", "differs"]
    assert "90 samples" in frame.loc["churches", "differs"]
    assert set(frame["item"]) == {"table3"}


def test_without_measurements_and_data_there_is_nothing_to_compare(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(StudyError, match=r"artefacts.comparison: none of the tables that it compares"):
        build_table(written(STUDY), "comparison")


def test_a_cell_may_be_left_out_but_not_all(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    cells = "{Bedroom: small, Church: churches, Cat: cats, Bedroom_large: large}"
    assert written(STUDY.replace(cells, "{Cat: cats}")).artefacts.models_of("table3") == ["cats"]
    with pytest.raises(StudyError, match="no cell has a model; name one of Bedroom, Church"):
        written(STUDY.replace(cells, "{}"))
