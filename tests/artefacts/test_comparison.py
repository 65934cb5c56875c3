"""The comparison with the paper, and the numbers of its text: each verdict follows from its own row."""

from __future__ import annotations

import dataclasses
import io
import math
import re
from pathlib import Path

import made_up_cifar10
import made_up_study
import numpy as np
import pandas as pd
import pytest

from ddpm.artefacts.tables import numbers
from ddpm.artefacts.tables import verdict as verdicts
from ddpm.artefacts.tables.derived import with_gap
from ddpm.artefacts.tables.table import BuiltTable, build_table
from ddpm.artefacts.tables.text import from_markdown, to_plain_text, width
from ddpm.errors import DataError
from ddpm.records.measurements import Measurement, read_measurements
from ddpm.study import Study

STUDY = made_up_cifar10.STUDY
FEW = STUDY.replace("images: 50000", "images: 2000") + "likelihood: {images: 500}\n"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def study(folder: Path) -> Study:
    study = made_up_cifar10.make(folder)
    made_up_cifar10.measure(study, made_up_cifar10.few_samples_of("mu_learned"))
    return study


def written(table: BuiltTable) -> pd.DataFrame:
    return pd.read_csv(io.StringIO(table.csv), keep_default_na=False, na_values=[""])


def line(frame: pd.DataFrame, item: str, row: str, number: str) -> pd.Series:
    found = frame[(frame["item"] == item) & (frame["row"] == row) & (frame["number"] == number)]
    assert len(found) == 1
    return found.iloc[0]


def shown(table: BuiltTable, group: str, label: str) -> list[str]:
    [found] = [x for g in table.view.groups if g.title.startswith(group) for x in g.lines if x.label == label]
    return [cell.text.replace(numbers.SPACE, " ") for cell in found.cells]


def expected_verdict(row: pd.Series) -> str:
    """The rule once more, from the columns of the CSV file alone."""
    if pd.isna(row["published"]):
        return "blank in the paper"
    if pd.isna(row["ours"]):
        return "no value"
    if not pd.isna(row["differs"]):
        return "not comparable"
    at_most = row["claim"] == "at most"
    off = row["ours"] - row["published"]
    off = off if at_most else abs(off)
    if off <= np.nan_to_num(row["published_spread"]) + row["rounding"]:
        return "within the bound" if at_most else "within published spread"
    if off <= 2 * np.nan_to_num(row["our_spread"]) + row["rounding"]:
        return "within ours"
    close = off <= 2 * np.nan_to_num(row["reproductions_spread"]) + row["rounding"]
    return "within reproductions" if close else "apart"


@pytest.mark.parametrize("text", [STUDY, FEW], ids=["all images", "few images"])
def test_every_verdict_follows_from_its_row(folder: Path, text: str) -> None:
    frame = written(made_up_cifar10.built(folder, text=text))
    assert [expected_verdict(row) for _, row in frame.iterrows()] == frame["verdict"].tolist()
    pairs = frame.dropna(subset=["published", "ours"])
    np.testing.assert_allclose(pairs["difference"], pairs["ours"] - pairs["published"])
    np.testing.assert_allclose(
        pairs["relative_difference"], pairs["difference"] / pairs["published"].replace(0, math.nan)
    )


def test_every_verdict_occurs(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    assert set(build_table(study, "comparison").frame["verdict"]) == {
        verdict for verdict in verdicts.VERDICTS if verdict != verdicts.WITHIN_REPRODUCTIONS
    }
    monkeypatch.setitem(made_up_cifar10.QUALITY, "eps_simple", (9.5, 3.26))
    made_up_cifar10.measure(study)
    assert verdicts.WITHIN_REPRODUCTIONS in set(build_table(study, "comparison").frame["verdict"])


def test_every_number_of_the_tables_is_compared(study: Study) -> None:
    frame = build_table(study, "comparison").frame
    assert frame["item"].value_counts().to_dict() == {
        "table4": 20,
        "table2": 12,
        "text_numbers": 11,
        "table1": 8,
    }
    assert not frame.duplicated(["item", "row", "number"]).any()


def test_verdicts_of_single_rows(study: Study) -> None:
    frame = written(build_table(study, "comparison"))
    fid = line(frame, "table1", "L_simple", "FID (train)")
    assert (fid["verdict"], fid["our_spread"]) == ("within ours", pytest.approx(0.02))
    assert fid["spread_kind"] == "standard deviation over 3 sampling seeds"
    assert (
        line(frame, "table1", "L", "FID (train)")["spread_kind"] == "standard deviation over 2 training seeds"
    )
    assert line(frame, "table1", "L_simple", "NLL (test)")["spread_kind"] == "standard error over images"
    gap = line(frame, "text_numbers", "NLL_gap", "NLL gap")
    assert (gap["verdict"], gap["ours"]) == ("within the bound", pytest.approx(0.03))
    assert gap["our_spread"] == pytest.approx(0.01 * math.sqrt(2))
    prior = line(frame, "text_numbers", "L_T", "L_T")
    assert (prior["verdict"], prior["rounding"]) == ("within published spread", pytest.approx(5e-6))
    few = line(frame, "table2", "mu_tilde_L_learned", "FID (train)")
    assert (few["verdict"], few["differs"]) == ("not comparable", "2,000 samples, not 50,000")
    assert few["n"] == 2000


def test_blank_rows_say_what_happened_here(study: Study) -> None:
    table = build_table(study, "comparison")
    frame = written(table)
    trained = line(frame, "table2", "mu_tilde_mse", "FID (train)")
    assert trained["ours"] == pytest.approx(180.0)
    assert trained["note"].endswith("scores out of range; here: trained")
    assert line(frame, "table2", "epsilon_L_learned", "IS")["note"].endswith("here: diverged at step 120")
    assert shown(table, "Table 2: ε prediction (ours): L, learned", "IS")[-1] == (
        "blank in the paper; here diverged at step 120"
    )
    assert line(frame, "table2", "mu_tilde_L_fixed", "IS")["status"] == "diverged at step 5000"


def test_a_number_that_several_tables_print_counts_once(study: Study) -> None:
    table = build_table(study, "comparison")
    frame = table.frame
    fids = frame[(frame["metric"] == "FID") & (frame["published"] == 3.17)]
    assert dict(zip(fids["item"], fids["repeats"], strict=True)) == {
        "table1": "",
        "table2": "table1",
        "text_numbers": "table1",
    }
    once = frame[frame["repeats"] == ""]["verdict"].value_counts()
    compared = [verdicts.WITHIN_PUBLISHED, verdicts.WITHIN_BOUND, verdicts.WITHIN_OURS, verdicts.APART]
    note = table.view.notes[0]
    assert note.startswith(f"Of {once[compared].sum()} compared numbers: ")
    counted = {word: int(k) for k, word in re.findall(r"(\d+) ([a-z ]+?)(?:,|\.| \()", note.split(":", 1)[1])}
    assert counted == {word: int(k) for word, k in once.items()}


# The published FID and what others got for it whose source is known.
FIDS = [3.17, 3.212, 3.246, 3.210, 3.14, 3.1246]


@pytest.mark.parametrize(
    ("ours", "verdict"),
    [(3.18, "within reproductions"), (3.21, "within reproductions"), (3.28, "apart"), (3.05, "apart")],
)
def test_a_single_run_is_judged_by_what_others_got(
    folder: Path, monkeypatch: pytest.MonkeyPatch, ours: float, verdict: str
) -> None:
    monkeypatch.setitem(made_up_cifar10.QUALITY, "eps_simple", (9.5, ours + 0.02))
    table = made_up_cifar10.built(folder, text=STUDY.replace("seeds: [0, 1, 2]", "seeds: [0]"))
    frame = written(table)
    for item, row in (("table1", "L_simple"), ("table2", "epsilon_L_simple"), ("text_numbers", "L_simple")):
        fid = line(frame, item, row, "FID (train)")
        assert (fid["ours"], fid["verdict"]) == (pytest.approx(ours), verdict)
        assert fid["reproductions_spread"] == pytest.approx(np.std(FIDS, ddof=1))
        assert fid["reproductions"] == 5
        assert fid["judged_by"] == "standard deviation of 6 published numbers"
    [note] = [note for note in table.view.notes if note.startswith("Reproductions of FID (train) 3.17")]
    assert "3.14 (binwindow/pl_ddpm)" in note
    assert "± 0.05. Not counted: 3.046 (reported, source not confirmed)." in note
    assert shown(table, "Table 1: Ours (L_simple)", "FID (train)")[-1] == verdict
    # The other rows have no reproductions.
    assert line(frame, "table1", "L", "FID (train)")["reproductions"] == 0
    assert line(frame, "text_numbers", "L_simple", "FID (test)")["reproductions"] == 0


def test_training_seeds_of_ours_say_more_than_reproductions(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    study = made_up_cifar10.make(
        folder, STUDY.replace("eps_simple: {checkpoints", "eps_simple: {seeds: [0, 1], checkpoints")
    )
    measured = made_up_cifar10.quality_rows

    def alike(study: Study, model: str, seed: int, sampling: int) -> list[Measurement]:
        """Training seeds that differ by 0.002 alone."""
        rows = measured(study, model=model, seed=seed, sampling=sampling)
        shift = 0.998 * seed if model == "eps_simple" else 0.0
        return [dataclasses.replace(r, value=r.value - shift * (r.metric == "FID")) for r in rows]

    monkeypatch.setattr(made_up_cifar10, "quality_rows", alike)
    made_up_cifar10.measure(study)
    fid = line(written(build_table(study, "comparison")), "table1", "L_simple", "FID (train)")
    assert fid["ours"] == pytest.approx(3.201)
    assert (fid["verdict"], fid["reproductions"]) == ("apart", 0)
    assert fid["judged_by"] == "standard deviation over 2 training seeds"


def test_a_model_may_have_sampling_seeds_of_its_own(folder: Path) -> None:
    text = STUDY.replace("seeds: [0, 1, 2]", "seeds: [0]").replace(
        "eps_simple: {", "eps_simple: {sampling_seeds: [0, 5, 6], "
    )
    frame = written(made_up_cifar10.built(folder, text=text))
    simple, other = (line(frame, "table1", row, "FID (train)") for row in ("L_simple", "L"))
    assert simple["spread_kind"] == "standard deviation over 3 sampling seeds"
    assert (str(simple["sampling_seeds"]), str(other["sampling_seeds"])) == ("0 5 6", "0")


def test_a_single_run_has_no_spread_of_its_fid(folder: Path) -> None:
    table = made_up_cifar10.built(folder, text=STUDY.replace("seeds: [0, 1, 2]", "seeds: [0]"))
    frame = written(table)
    fid = line(frame, "text_numbers", "L_simple", "FID (test)")
    assert (fid["ours"], fid["verdict"]) == (pytest.approx(5.38), "apart")
    apart = frame[
        (frame["verdict"] == "apart") & frame["our_spread"].isna() & frame["reproductions_spread"].isna()
    ]
    assert len(apart)
    assert apart["note"].str.contains("no spread is known").all()
    once = apart["repeats"].isna().sum()
    assert f"({once} of those apart have no known ±)" in table.view.notes[0]
    splits = line(frame, "table1", "L_simple", "IS")
    assert splits["spread_kind"] == "standard deviation over the splits of the samples"


def test_a_bound_of_fewer_images_adds_their_standard_error(folder: Path) -> None:
    frame = written(made_up_cifar10.built(folder, text=FEW))
    nll = line(frame, "table1", "L", "NLL (test)")
    assert nll["spread_kind"] == "standard deviation over 2 training seeds, and standard error over images"
    assert nll["our_spread"] == pytest.approx(0.01)  # both seeds have the same NLL
    assert nll["note"] == "500 of 10,000 test images"
    assert (
        (frame[frame["metric"].isin(["IS", "FID"])].dropna(subset=["published", "ours"])["verdict"])
        .eq("not comparable")
        .all()
    )


def test_table4_is_compared_only_at_the_papers_t(folder: Path) -> None:
    frame = made_up_cifar10.built(
        folder, text=STUDY.replace("defaults:", "defaults:\n  diffusion: {timesteps: 500}")
    ).frame
    table4 = frame[frame["item"] == "table4"]
    assert set(table4["verdict"]) == {"not comparable"}
    assert set(table4["differs"]) == {"T = 500, not 1,000"}
    assert "not comparable" not in set(frame[frame["item"] == "text_numbers"]["verdict"])


def test_table4_without_standard_errors_is_compared_by_its_digits(study: Study) -> None:
    made_up_cifar10.write_curve(study, errors=False)
    frame = build_table(study, "comparison").frame
    table4 = frame[frame["item"] == "table4"]
    assert table4["our_spread"].isna().all()
    # 1% above the paper's numbers: only what vanishes has the same digits.
    assert set(table4[table4["verdict"] != "apart"]["number"]) == {"rate at 100", "rate at 200"}


def test_of_another_scale_nothing_is_comparable(folder: Path) -> None:
    study = made_up_study.make(folder, made_up_study.STUDY + "  comparison: {}\n")
    made_up_study.measure(study)
    table = build_table(study, "comparison")
    assert set(table.frame["verdict"]) == {"not comparable", "blank in the paper"}
    assert table.view.notes[0].startswith("No number can be compared. Beside these: ")
    assert any("features of a classifier" in note for note in table.view.notes)
    assert numbers.FEWER not in table.markdown


def test_fewer_images_are_marked_in_every_table(folder: Path) -> None:
    study = made_up_cifar10.make(folder, FEW)
    made_up_cifar10.measure(study)
    table1 = build_table(study, "table1")
    assert shown(table1, "Measured here", "Ours (L_simple), measured here")[:3] == [
        "9.51† ± 0.10",
        "3.20† ± 0.02",
        "≤ 3.75† (3.72†)",
    ]
    assert any("2,000 samples, not 50,000" in note and "must not" in note for note in table1.view.notes)
    for name in ("table1", "table2", "table4", "text_numbers", "comparison"):
        table = build_table(study, name)
        [note] = [note for note in table.view.notes if note.startswith(numbers.FEWER)]
        assert ("2,000 of 50,000 samples" in note) == (name != "table4")
        assert ("500 of 10,000 test images" in note) == (name != "table2")
        assert ("biased upwards" in note) == (name != "table4")


def test_nothing_is_marked_at_the_papers_scale(folder: Path) -> None:
    study = made_up_cifar10.make(folder)
    made_up_cifar10.measure(study)
    for name in study.artefacts.tables:
        assert numbers.FEWER not in build_table(study, name).markdown
    assert any("may be compared" in note for note in build_table(study, "table1").view.notes)


def test_fid_has_the_spread_over_sampling_seeds(study: Study) -> None:
    table = build_table(study, "table1")
    ours = table.frame[(table.frame["source"] == "measured") & (table.frame["row"] == "L")].iloc[0]
    assert ours["FID"] == pytest.approx(14.5)
    assert ours["FID_sampling_spread"] == pytest.approx(0.02)
    assert ours["FID_seed_spread"] == pytest.approx(math.sqrt(0.5))
    assert "NLL_test_sampling_spread" not in table.frame
    assert shown(table, "Measured here", "Ours (L, fixed isotropic Σ), measured here")[1] == (
        "14.50 ± 0.02 [±0.71]"
    )


def test_notes_tell_published_weights_and_checkpoints(study: Study) -> None:
    table = build_table(study, "table2")
    notes = "\n".join(table.view.notes)
    assert "mu_learned was not trained here: published weights someone/weights@v1 from Hugging Face" in notes
    assert "not averaged (the paper evaluates averaged ones)" in notes
    assert "Evaluated (mu_mse): the averaged weights of step 400,000." in notes
    assert "Evaluated (eps_simple): the averaged weights of minimum FID" in notes
    assert "Evaluated (mu_fixed, eps_learned, eps_fixed): the averaged weights of the last step." in notes
    assert shown(table, "μ̃", "L, learned diagonal Σ")[4] == "published weights"
    assert table.frame["status"].iloc[0] == "trained"


def test_text_numbers_stand_beside_the_published(study: Study) -> None:
    table = build_table(study, "text_numbers")
    frame = table.frame.set_index("row")
    assert frame["published"].to_dict() == {
        "IS": 9.46,
        "FID": 3.17,
        "FID_test": 5.24,
        "NLL_test": 3.75,
        "NLL_train": 3.72,
        "NLL_gap": 0.03,
        "rate": 1.78,
        "distortion": 1.97,
        "RMSE": 0.95,
        "L_T": 1e-5,
        "parameters": 35.7,
    }
    assert frame.loc["rate", "measured"] == pytest.approx(1.776)
    assert frame.loc["FID_test", "measured"] == pytest.approx(5.4)
    assert frame.loc["NLL_gap", "measured_spread"] == pytest.approx(0.01 * math.sqrt(2))
    assert (frame.loc["NLL_train", "measured_n"], frame.loc["rate", "measured_n"]) == (50_000, 10_000)
    assert shown(table, "Lossless", "Prior term L_T") == ["1e-5", "7.4e-6 ± 1.0e-8", "bits/dim", "10,000"]
    assert shown(table, "Sample", "IS")[:2] == ["9.46 ± 0.11", "9.51 ± 0.10"]


def test_the_size_of_the_network_is_judged(study: Study) -> None:
    table = build_table(study, "text_numbers")
    assert shown(table, "Model size", "Parameters") == ["35.7", "35.7", "million", ""]
    found = line(written(build_table(study, "comparison")), "text_numbers", "CIFAR-10", "parameters")
    assert found["ours"] == pytest.approx(35.746307)
    assert (found["verdict"], found["judged_by"]) == ("within published spread", "last printed digit")


def test_the_other_variance_stands_beside_the_words_of_the_paper(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = STUDY.replace(
        "sampling: {",
        "  small: {pretrained: {model: eps_simple}, diffusion: {variance: fixed_small}}\nsampling: {",
    )
    study = made_up_cifar10.make(
        folder,
        text.replace(
            "text_numbers: {model: eps_simple}", "text_numbers: {model: eps_simple, fixed_small: small}"
        ),
    )
    monkeypatch.setitem(made_up_cifar10.QUALITY, "small", (9.0, 5.3))
    made_up_cifar10.measure(study)
    table = build_table(study, "text_numbers")
    frame = table.frame.set_index("row")
    assert frame.loc["FID_fixed_small", "measured"] == pytest.approx(5.3)
    assert math.isnan(frame.loc["FID_fixed_small", "published"])
    assert shown(table, "Sample quality with the reverse variance", "FID against train")[1] == "5.30 ± 0.02"
    assert "small was not trained again: it has the evaluated weights of eps_simple." in table.view.notes
    found = line(written(build_table(study, "comparison")), "text_numbers", "fixed_small", "FID (train)")
    assert (found["ours"], found["verdict"]) == (pytest.approx(5.3), "blank in the paper")
    assert "similar results" in found["note"]


def test_text_numbers_of_a_diverged_model_are_blank(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(made_up_cifar10.DIVERGED, ("eps_simple", 0), 7)
    study = made_up_cifar10.make(folder)
    made_up_cifar10.measure(study)
    made_up_cifar10.write_curve(study, status="diverged at step 7")
    table = build_table(study, "text_numbers")
    assert table.frame["measured"].isna().all()
    assert "eps_simple: diverged at step 7." in table.view.notes
    compared = build_table(study, "comparison").frame
    assert set(compared[compared["model"] == "eps_simple"]["verdict"]) == {"no value"}


def test_a_missing_part_of_the_bound_is_named(folder: Path) -> None:
    def without_rate(rows: list[Measurement]) -> list[Measurement]:
        return [row for row in rows if row.metric != "rate"]

    study = made_up_cifar10.make(folder)
    made_up_cifar10.measure(study, without_rate)
    with pytest.raises(DataError, match=r"model eps_simple, training seed 0: .* no rate \(test\)"):
        build_table(study, "text_numbers")


def test_the_gap_pairs_the_splits_of_each_run(study: Study) -> None:
    paths = sorted(Path("results/made_up/measurements/likelihood").rglob("*.parquet"))
    rows = read_measurements(paths)
    rows.loc[(rows["training_seed"] == 1) & (rows["split"] == "train"), "value"] -= 1.0
    gaps = with_gap(rows)
    gaps = gaps[gaps["metric"] == "NLL gap"].set_index(["model", "training_seed"])["value"]
    assert len(gaps) == 7
    assert gaps["eps_fixed", 0] == pytest.approx(0.03)
    assert gaps["eps_fixed", 1] == pytest.approx(1.03)
    assert math.isnan(gaps["mu_fixed", 0])


@pytest.mark.parametrize("name", ["text_numbers", "comparison"])
def test_renderings_and_traces(study: Study, name: str) -> None:
    table = build_table(study, name)
    read = from_markdown(table.markdown)
    assert [[x.label for x in g.lines] for g in read.groups] == [
        [x.label for x in g.lines] for g in table.view.groups
    ]
    assert all(width(text) <= 100 for text in to_plain_text(read, 100).split("\n"))
    assert "http" not in table.html
    trace = pd.read_csv(io.StringIO(table.trace_csv))
    assert not trace.duplicated().any()
    assert trace["git_commit"].eq("abc").all()
    assert set(trace["study"]) == {"made_up"}
    gap = trace[
        trace["cell_row"].eq("text_numbers: NLL_gap: NLL gap") | trace["cell_column"].eq("measured_NLL_gap")
    ]
    assert set(zip(gap["metric"], gap["split"], strict=True)) == {("NLL", "test"), ("NLL", "train")}


def test_each_compared_number_has_its_trace(study: Study) -> None:
    table = build_table(study, "comparison")
    frame, trace = table.frame, table.trace
    cells = {f"{row['item']}: {row['row']}: {row['number']}" for _, row in frame.iterrows()}
    assert set(trace["cell_row"]) == cells
    fid = trace[trace["cell_row"] == "table1: L_simple: FID (train)"]
    assert np.mean([float(value) for value in fid["value"]]) == pytest.approx(
        frame[(frame["row"] == "L_simple") & (frame["number"] == "FID (train)")]["ours"].iloc[0]
    )


def test_a_study_without_table4_compares_the_others(folder: Path) -> None:
    assert set(
        made_up_cifar10.built(folder, text=STUDY.replace("  table4: {model: eps_simple}\n", "")).frame["item"]
    ) == {"table1", "table2", "text_numbers"}


def test_a_seed_that_diverged_is_named_beside_the_verdict(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(made_up_cifar10.DIVERGED, ("eps_fixed", 1), 9)
    verdict = shown(made_up_cifar10.built(folder), "Table 1: Ours (L,", "IS")[-1]
    assert verdict == "within published spread; here 1 of 2 seeds diverged: seed 1 at step 9"


def test_own_spread_prefers_training_seeds() -> None:
    from ddpm.artefacts.tables.measures import Summary

    known = Summary(1.0, 0.3, 0.1, 0.2, 2, 3, 10, pd.DataFrame())
    assert known.own_spread("splits") == (0.1, "standard deviation over 2 training seeds")
    known = dataclasses.replace(known, seed_spread=math.nan)
    assert known.own_spread("splits") == (0.2, "standard deviation over 3 sampling seeds")
    known = dataclasses.replace(known, sampling_spread=math.nan)
    assert known.own_spread("splits") == (0.3, "splits")
    assert math.isnan(dataclasses.replace(known, spread=math.nan).own_spread("splits")[0])


def test_a_row_of_table1_without_a_model_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    text = made_up_cifar10.STUDY.replace("table1: {L: eps_fixed", "table1: {L: null")
    study = made_up_cifar10.make(tmp_path, text)
    made_up_cifar10.measure(study)
    table1 = build_table(study, "table1").frame
    assert table1.loc[table1["source"] == "measured", "row"].tolist() == ["L_simple"]
    compared = build_table(study, "comparison").frame
    assert set(compared.loc[compared["item"] == "table1", "row"]) == {"L_simple"}
