"""The table of codes, from made-up measurements, and what a study may ask of codes."""

from pathlib import Path

import made_up_study
import numpy as np
import pandas as pd
import pytest

from ddpm.artefacts.tables.table import build_table
from ddpm.errors import DataError, StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import result_fingerprint
from ddpm.graph.run_files import bound_shards
from ddpm.records.traced_files import write_frame

TABLE = "  compression: {model: eps_simple, schedules: [progressive, bound]}\n"
TEXT = made_up_study.STUDY.replace("  figure5:", f"{TABLE}  figure5:")
IMAGES = 40
CODES = {
    "progressive": {
        "coded bits": 4.0,
        "coded ideal bits": 3.5,
        "coded latents": 6.0,
        "coded chunk counts": 0.25,
        "coded indices": 1.25,
        "coded x_0": 2.25,
        "coded rounding": 0.25,
        "coded header": 1.0,
        "PNG": 8.0,
        "WebP": 6.0,
    },
    "bound": {
        "coded bits": 5.25,
        "coded latents": 100.0,
        "coded images": 5.0,
        "coded rounding": 0.25,
        "coded initial bits": 0.5,
        "coded header": 1.0,
        "PNG": 8.0,
    },
}


@pytest.fixture(autouse=True)
def _folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)


def study_of(text=TEXT, codes=CODES, diverged=made_up_study.DIVERGED):
    """The study with measurements of its codes, and with bounds of 5 bits/dim of the first images, then 9."""
    study = made_up_study.make(Path(), text)
    for code, values in codes.items():
        path = layout.path(layout.CODING_ROWS, study.name, model="eps_simple", seed=0, schedule=code)
        about = {"n": IMAGES, "protocol": "made up", "split": "test", "spread": 0.125}
        rows = [
            made_up_study.row(study, "eps_simple", 0, metric, value, diverged, **about)
            for metric, value in values.items()
        ]
        made_up_study.write(study, path, rows)
    images = 0
    for shard in bound_shards(study, "eps_simple", 0, "test"):
        count = study.likelihood.images_per_shard // 5 * 5
        image = np.arange(images, images + count)
        terms = np.zeros((count, 100))
        terms[:, 3] = np.where(image < IMAGES, 4.0, 8.0)
        frame = pd.DataFrame({"image": image, "prior": 1.0, "terms": list(terms), "mse": list(terms)})
        frame = frame.iloc[:0] if ("eps_simple", 0) in diverged else frame
        write_frame(shard, frame, {"settings": result_fingerprint(study, shard)})
        images += count
    return study


def test_each_code_and_format_is_a_row_beside_the_bound():
    table = build_table(study_of(), "compression")
    frame = table.frame.set_index("code")
    assert list(frame.index) == ["progressive", "bound", "PNG", "WebP"]
    # Of the images that were coded.
    assert frame["bound"].unique().tolist() == [5.0]
    assert frame["bits_of_the_bound"].tolist() == [0.8, 1.05, 1.6, 1.2]
    assert frame["index_bits"].tolist()[0] == 1.25
    assert frame["initial_bits"].tolist()[1] == 0.5
    assert frame["bits_n"].tolist() == [IMAGES] * 4
    text = table.markdown
    for words in (
        "Codes of mode progressive",
        "Codes of mode archive",
        "Other lossless formats",
        "first 40 test",
    ):
        assert words in text
    line = next(line for line in text.splitlines() if line.startswith("| progressive "))
    assert [cell.strip() for cell in line.split("|")[2:9]] == [
        "6",
        "3.50",
        "0.25",
        "1.25",
        "2.25",
        "0.25",
        "4.00",
    ]


def test_every_cell_is_traced():
    table = build_table(study_of(), "compression")
    traced = table.trace.set_index(["cell_row", "cell_column"])["value"]
    assert traced["progressive", "bits"] == 4.0
    assert traced["bound", "initial_bits"] == 0.5
    assert traced["WebP", "bits"] == 6.0


def test_missing_and_other_measurements():
    codes = {**CODES, "bound": {"coded latents": 100.0}}
    with pytest.raises(DataError, match="no coded bits"):
        build_table(study_of(codes=codes), "compression")
    study_of()
    changed = made_up_study.make(Path(), TEXT.replace("artefacts:", "compression: {images: 7}\nartefacts:"))
    with pytest.raises(DataError, match="coding"):
        build_table(changed, "compression")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("{model: eps_simple, schedules: [progresive]}", "no code of .* is named 'progresive'.*progressive"),
        ("{model: eps_simple, schedules: []}", r"compression\.schedules: .*at least 1"),
        (
            "{model: eps_learned}",
            "eps_learned learned its variance, another for each image, and the code bound",
        ),
        ("{model: nobody}", "no model is named 'nobody'"),
    ],
)
def test_what_a_study_asks_wrongly(table, message):
    with pytest.raises(StudyError, match=message):
        made_up_study.make(Path(), TEXT.replace(TABLE, f"  compression: {table}\n"))


@pytest.mark.parametrize(
    ("figure", "message"),
    [
        ("{model: eps_simple, schedule: bound}", "bound is an archive, of which no part is a picture"),
        ("{model: eps_simple, schedule: x}", "is named 'x'"),
        ("{model: eps_simple, images: 9}", r"progressive_coding\.images: .*less than or equal to 8"),
    ],
)
def test_what_a_figure_asks_wrongly(figure, message):
    with pytest.raises(StudyError, match=message):
        made_up_study.make(Path(), TEXT.replace(TABLE, f"  progressive_coding: {figure}\n"))


def test_a_code_of_more_latents_than_times():
    codes = "compression: {schedules: {long: {mode: archive, steps: 101}}}\nartefacts:"
    text = TEXT.replace("[progressive, bound]", "[long]").replace("artefacts:", codes)
    with pytest.raises(StudyError, match="101 latents, but T = 100"):
        made_up_study.make(Path(), text)


def test_a_diverged_model_has_no_code():
    codes = {code: {"coded bits": 0.0} for code in ("progressive", "bound")}
    table = build_table(study_of(codes=codes, diverged={("eps_simple", 0): 3}), "compression")
    assert table.frame["bits"].isna().all()
    assert table.frame["code"].tolist() == ["progressive", "bound"]
    assert "Training seed 0: diverged at step 3, so there is no code." in table.markdown
    assert "nan" not in table.markdown


def test_table_1_names_the_length_of_the_file():
    study = study_of()
    made_up_study.measure(study)
    note = (
        "NLL as a file: bits-back coding with the steps of eps_simple's bound takes 5.25 bits/dim for the "
        "first 40 test images (results/made_up/compression.csv)."
    )
    assert note in build_table(study, "table1").view.notes
    without = made_up_study.make(Path(), made_up_study.STUDY)
    assert not any("as a file" in text for text in build_table(without, "table1").view.notes)
