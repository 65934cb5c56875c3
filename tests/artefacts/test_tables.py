"""Tables are views over measurements: means, spreads, bests, diverged and missing runs, and traces."""

from __future__ import annotations

import dataclasses
import io
import math
from pathlib import Path

import made_up_study
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ddpm.artefacts.tables import measures, numbers
from ddpm.artefacts.tables.html import to_html
from ddpm.artefacts.tables.measured_rows import cell_of
from ddpm.artefacts.tables.table import BuiltTable, build_table, to_csv
from ddpm.artefacts.tables.table2 import Table2Settings
from ddpm.artefacts.tables.table4 import nearest_steps
from ddpm.artefacts.tables.text import from_markdown, to_markdown, to_plain_text, width
from ddpm.artefacts.tables.view import Cell, Column, Group, Line, View
from ddpm.errors import DataError, StudyError
from ddpm.records.measurements import Measurement
from ddpm.study import Study

TABLES = ("table1", "table2", "table4")


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    study = made_up_study.make(tmp_path)
    made_up_study.measure(study)
    return study


def row_of(frame: pd.DataFrame, **values: str) -> pd.Series:
    for column, value in values.items():
        frame = frame[frame[column] == value]
    assert len(frame) == 1
    return frame.iloc[0]


def cells(view: View, label: str, group: str = "") -> list[str]:
    [line] = [
        line for g in view.groups if g.title.startswith(group) for line in g.lines if line.label == label
    ]
    return [cell.text.replace(numbers.SPACE, " ") for cell in line.cells]


def test_table1_keeps_published_measured_and_reference_apart(study: Study) -> None:
    table = build_table(study, "table1")
    assert table.frame["source"].value_counts().to_dict() == {"published": 16, "measured": 2, "reference": 2}
    quoted = row_of(table.frame, source="published", row="L_simple")
    assert (quoted["FID"], quoted["FID_test"], quoted["NLL_train"], quoted["IS_spread"]) == (
        3.17,
        5.24,
        3.72,
        0.11,
    )
    ours = row_of(table.frame, source="measured", row="L_simple")
    assert ours["label"] == f"Ours (L_simple), measured here: {made_up_study.TITLE}"
    assert ours["data"] == made_up_study.TITLE
    titles = [group.title for group in table.view.groups]
    assert titles == [
        "Published, CIFAR-10: Conditional",
        "Published, CIFAR-10: Unconditional",
        f"Measured here: {made_up_study.TITLE}",
        f"For reference, no model: {made_up_study.TITLE}",
    ]
    assert any("classifier" in note and "not Inception-v3" in note for note in table.view.notes)


def test_values_are_means_over_training_and_sampling_seeds(study: Study) -> None:
    ours = row_of(build_table(study, "table1").frame, source="measured", row="L_simple")
    # IS is 8 + training seed + 0.1 sampling seed, for the seeds 0, 1 and 0, 7.
    assert ours["IS"] == pytest.approx(8.85)
    assert ours["IS_spread"] == pytest.approx(0.2)
    assert ours["IS_seed_spread"] == pytest.approx(math.sqrt(0.5))
    # FID is 5 + 2 training seed + 0.01 sampling seed.
    assert ours["FID"] == pytest.approx(6.035)
    assert ours["FID_test"] == pytest.approx(7.035)
    assert ours["FID_sampling_spread"] == pytest.approx(0.07 / math.sqrt(2))
    assert ours["FID_seed_spread"] == pytest.approx(math.sqrt(2))
    assert ours["NLL_test"] == pytest.approx(3.8)
    assert (ours["IS_n"], ours["NLL_test_n"]) == (1000, 500)
    assert (ours["training_seeds"], ours["sampling_seeds"]) == ("0 1", "0 7")


def test_one_training_seed_has_no_spread_over_seeds(study: Study) -> None:
    ours = row_of(build_table(study, "table1").frame, source="measured", row="L")
    assert math.isnan(ours["IS_seed_spread"])


def test_table1_shows_numbers_as_the_paper_sets_them(study: Study) -> None:
    view = build_table(study, "table1").view
    assert cells(view, "Ours (L_simple)")[:4] == ["9.46 ± 0.11", "3.17", "≤ 3.75 (3.72)", "5.24"]
    assert cells(view, "Gated PixelCNN")[:3] == ["4.60", "65.93", "3.03 (2.90)"]
    assert cells(view, "EBM", "Published, CIFAR-10: Unc") == ["6.78", "38.2", "", "", "", "", ""]
    measured = cells(view, "Ours (L_simple), measured here")
    assert measured[:3] == ["8.85 ± 0.20 [±0.71]", "6.04 ± 0.05 [±1.41]", "≤ 3.80 (3.70)"]
    assert cells(view, "noise")[0] == "1.50"


def test_best_is_highest_for_is_and_lowest_for_fid_and_nll(study: Study) -> None:
    frame = build_table(study, "table1").frame
    assert row_of(frame, source="measured", row="L_simple")["best"] == "IS FID FID_test"
    assert row_of(frame, source="measured", row="L")["best"] == "NLL_test"
    assert row_of(frame, source="published", row="StyleGAN2_ADA")["best"] == "IS"


def test_table2_sets_measured_beside_published(study: Study) -> None:
    table = build_table(study, "table2")
    assert table.frame["row"].tolist() == list(Table2Settings.model_fields)
    simple = row_of(table.frame, row="epsilon_L_simple")
    assert (simple["published_IS"], simple["published_FID"]) == (9.46, 3.17)
    assert simple["measured_FID"] == pytest.approx(6.035)
    assert (simple["status"], simple["training_seeds"]) == ("trained", "0 1")
    assert (simple["published_best"], simple["measured_best"]) == ("IS FID", "IS FID FID_test")
    assert cells(table.view, "‖ε − ε_θ‖² (L_simple)") == [
        "9.46 ± 0.11",
        "3.17",
        "8.85 ± 0.20 [±0.71]",
        "6.04 ± 0.05 [±1.41]",
        "trained",
        "0, 1",
    ]


def test_diverged_models_say_so_and_have_no_value(study: Study) -> None:
    table = build_table(study, "table2")
    diverged = row_of(table.frame, row="epsilon_L_learned")
    assert diverged["status"] == "diverged at step 120"
    assert math.isnan(diverged["measured_FID"])
    assert pd.isna(diverged["measured_FID_n"])
    assert cells(table.view, "L, learned diagonal Σ", "ε")[2:5] == ["", "", "diverged at step 120"]


def test_a_model_with_some_seeds_diverged_counts_the_others(study: Study) -> None:
    partly = row_of(build_table(study, "table2").frame, row="mu_tilde_mse")
    assert partly["status"] == "1 of 2 seeds diverged: seed 1 at step 340"
    assert partly["measured_FID"] == pytest.approx(made_up_study.FID["mu_mse"] + 0.035)
    assert math.isnan(partly["measured_FID_seed_spread"])


def test_table1_names_a_diverged_model(study: Study, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(made_up_study.DIVERGED, ("eps_fixed", 0), 9)
    made_up_study.measure(study)
    table = build_table(study, "table1")
    assert row_of(table.frame, source="measured", row="L")["status"] == "diverged at step 9"
    label = "Ours (L, fixed isotropic Σ), measured here (diverged at step 9)"
    assert cells(table.view, label) == [""] * 7


def test_table4_stands_at_the_same_share_of_the_reverse_process(study: Study) -> None:
    frame = build_table(study, "table4").frame
    assert frame["published_reverse_steps"].tolist() == list(range(1000, 0, -100))
    assert frame["measured_reverse_steps"].tolist() == list(range(100, 0, -10))
    assert frame["t"].tolist() == list(range(1, 101, 10))
    assert frame["published_rate"].iloc[0] == 1.77581
    assert frame["measured_rate"].tolist() == pytest.approx([k / 10 for k in range(10, 0, -1)])
    assert frame["measured_RMSE"].tolist() == pytest.approx([10.0 * k for k in range(10)])


def test_table4_of_a_diverged_model_is_blank_and_says_why(study: Study) -> None:
    made_up_study.write_curve(study, status="diverged at step 7")
    table = build_table(study, "table4")
    assert table.frame["measured_rate"].isna().all()
    assert set(table.frame["status"]) == {"diverged at step 7"}
    assert any("diverged at step 7" in note for note in table.view.notes)


def test_table4_refuses_a_curve_of_another_t(study: Study) -> None:
    made_up_study.write_curve(study, timesteps=50)
    with pytest.raises(DataError, match=r"rate_distortion\.parquet: does not hold each of T = 100 times"):
        build_table(study, "table4")


@given(timesteps=st.integers(2, 5000), published=st.sampled_from(range(100, 1001, 100)))
def test_nearest_steps_lie_on_the_reverse_process(timesteps: int, published: int) -> None:
    steps = nearest_steps(published, timesteps)
    assert 1 <= steps <= timesteps
    assert steps == 1 or abs(steps / timesteps - published / 1000) <= 0.5 / timesteps + 1e-12


@pytest.mark.parametrize("name", TABLES)
def test_every_measured_cell_has_a_trace(study: Study, name: str) -> None:
    trace = pd.read_csv(io.StringIO(build_table(study, name).trace_csv))
    assert not trace.duplicated().any()
    assert trace["git_commit"].eq("abc").all()
    assert trace["hardware"].eq("a laptop").all()
    if name == "table2":
        simple = trace[(trace["cell_row"] == "epsilon_L_simple") & (trace["cell_column"] == "measured_FID")]
        found = simple.set_index(["training_seed", "sampling_seed"])["value"].to_dict()
        assert found == pytest.approx({(0, 0): 5.0, (0, 7): 5.07, (1, 0): 7.0, (1, 7): 7.07})
        assert "diverged at step 120" in set(trace["status"])


def test_csv_holds_plain_numbers(study: Study) -> None:
    for name in TABLES:
        table = build_table(study, name)
        frame = pd.read_csv(io.StringIO(table.csv))
        assert list(frame.columns) == list(table.frame.columns)
        numeric = [
            column for column in frame if column.endswith(("IS", "FID", "NLL_test", "rate", "RMSE", "_n"))
        ]
        assert numeric
        assert all(pd.api.types.is_numeric_dtype(frame[column]) for column in numeric)


def test_a_missing_number_is_named(study: Study) -> None:
    def without_fid(rows: list[Measurement]) -> list[Measurement]:
        return [row for row in rows if (row.metric, row.split, row.model) != ("FID", "train", "mu_fixed")]

    made_up_study.measure(study, without_fid)
    with pytest.raises(DataError, match=r"model mu_fixed, training seed 0: .* no FID \(train\)"):
        build_table(study, "table2")


def test_a_number_that_is_there_twice_is_refused(study: Study) -> None:
    made_up_study.measure(study, lambda rows: [*rows, rows[0]])
    with pytest.raises(DataError, match="is measured twice"):
        build_table(study, "table1")


def test_a_bad_number_of_a_trained_model_is_not_passed_over(study: Study) -> None:
    def nan_at_sampling_seed_7(rows: list[Measurement]) -> list[Measurement]:
        return [dataclasses.replace(r, value=math.nan) if r.sampling_seed == 7 else r for r in rows]

    made_up_study.measure(study, nan_at_sampling_seed_7)
    frame = build_table(study, "table2").frame
    assert math.isnan(row_of(frame, row="epsilon_L_simple")["measured_FID"])


def test_a_missing_file_is_named(study: Study) -> None:
    Path("results/made_up/measurements/quality/eps_simple/seed1/sampling7.parquet").unlink()
    with pytest.raises(DataError, match=r"eps_simple/seed1/sampling7\.parquet: no such measurements"):
        build_table(study, "table2")


def test_a_table_that_the_study_does_not_build_is_refused(study: Study) -> None:
    with pytest.raises(
        StudyError, match=r"made_up\.yaml: artefacts\.table3: .*it builds: table1, table2, table4"
    ):
        build_table(study, "table3")


def test_html_sets_groups_bold_values_and_subscripts(study: Study) -> None:
    html = build_table(study, "table2").html
    assert '<th scope="colgroup" colspan="2" class="over">published, CIFAR-10</th>' in html
    assert "<td><strong>3.17</strong></td>" in html
    assert "L<sub>simple</sub>" in html
    assert "ε prediction (ours)</th>" in html


def test_a_model_name_gets_no_subscript() -> None:
    view = View("epsilon_L_simple", "Row", [Column("x")], [Group("", [Line("L_simple", [Cell("1", True)])])])
    html = to_html(view)
    assert "<h2>epsilon_L_simple</h2>" in html
    assert '<th scope="row">L<sub>simple</sub></th><td><strong>1</strong></td>' in html


TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), max_size=12)
SOME_TEXT = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=12)


@st.composite
def views(draw: st.DrawFn) -> View:
    columns = draw(st.lists(SOME_TEXT, min_size=1, max_size=4))
    row = st.lists(st.builds(Cell, TEXT), min_size=len(columns), max_size=len(columns))
    lines = st.lists(st.builds(Line, SOME_TEXT, row), min_size=1, max_size=3)
    groups = draw(st.lists(st.builds(Group, SOME_TEXT, lines), min_size=1, max_size=3))
    notes = draw(st.lists(SOME_TEXT, max_size=2))
    return View(draw(SOME_TEXT), draw(SOME_TEXT), [Column(name) for name in columns], groups, notes)


@given(views())
def test_markdown_can_be_read_back(view: View) -> None:
    assert from_markdown(to_markdown(view)) == view


@pytest.mark.parametrize("name", TABLES)
def test_built_tables_read_back_from_markdown_and_html_needs_nothing_else(study: Study, name: str) -> None:
    table = build_table(study, name)
    read = from_markdown(table.markdown)
    assert [c.name for c in read.columns] == [c.heading for c in table.view.columns]
    assert read.groups == table.view.groups
    assert list(read.notes) == list(table.view.notes)
    assert "Made up: &lt;tiny&gt; &amp; grey" in table.html
    assert not any(part in table.html for part in ("<tiny>", "http", "src="))


@pytest.mark.parametrize("text", ["", "# Title\n\nno table\n", "| a |\n|---|\n", "# T\n\n| a | b |\n|---|\n"])
def test_other_markdown_is_refused(text: str) -> None:
    with pytest.raises(DataError, match=r"some\.md: not a table that this project wrote"):
        from_markdown(text, "some.md")


@given(views(), st.integers(60, 120))
def test_plain_text_keeps_every_word(view: View, columns: int) -> None:
    text = to_plain_text(view, columns)
    for group in view.groups:
        assert all(line.label in text for line in group.lines)
    assert all(width(line) <= 150 for line in text.split("\n"))


def test_plain_text_aligns_marks_and_wraps_to_the_width() -> None:
    line = Line("‖μ̃ − μ̃_θ‖²", [Cell("1.00", True), Cell("a long status in several words " * 4)])
    text = to_plain_text(View("T", "Objective", [Column("IS"), Column("Status")], [Group("", [line])]), 60)
    assert all(width(line) <= 60 for line in text.split("\n"))
    assert "1.00*" in text
    assert "* best" in text


@pytest.mark.parametrize(
    ("value", "decimals", "text"),
    [
        (9.456, 2, "9.46"),
        (0.0123, 2, "0.012"),
        (0.0, 2, "0.00"),
        (-0.00012, 4, "-0.00012"),
        (7.46e-6, 2, "7.5e-6"),
    ],
)
def test_small_values_show_two_digits(value: float, decimals: int, text: str) -> None:
    assert numbers.decimal(value, decimals) == text


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_missing_values_are_blank(value: float) -> None:
    found = measures.Summary(value, 0.1, 0.1, 0.1, 2, 2, 10, pd.DataFrame())
    assert cell_of(measures.IS, found, bound="<=").text == ""


def test_cells_must_match_the_columns() -> None:
    with pytest.raises(ValueError, match="row: 0 cells for 1 columns"):
        View("T", "R", [Column("x")], [Group("", [Line("row", [])])])


def test_a_text_is_no_formula_to_a_spreadsheet_and_numbers_stay_numbers() -> None:
    frame = pd.DataFrame(
        {
            "text": ["=HYPERLINK(1)", "+x", "-x", "@x", "a=b", "-0.5", "+1e-3", None],
            "mixed": [1, 2.5, None, "=1+1", -3, "", "x", 2**60],
            "number": [-1.5, 0.1 + 0.2, math.nan, 1e-300, 3.0, 4.0, 5.0, -0.0],
        }
    )
    frame["mixed"] = frame["mixed"].astype(object)
    lines = to_csv(frame).splitlines()[1:]
    plain = frame.to_csv(index=False, lineterminator="\n").splitlines()[1:]
    safe = ["'=HYPERLINK(1),1,-1.5", "'+x,2.5,0.30000000000000004", "'-x,,", "'@x,'=1+1,1e-300", *plain[4:]]
    assert lines == safe


@pytest.mark.parametrize("title", ['=1+1|<b>"&amp;`x`*y*', "확산 🎲"])
def test_a_title_is_text_in_every_rendering(title: str) -> None:
    view = View(title, "row", [Column(title)], [Group(title, [Line(title, [Cell(title)])])], [title])
    built = BuiltTable(pd.DataFrame({"data": [title]}), view, pd.DataFrame({"study": [title]}))
    assert "<b>" not in built.html
    assert "&lt;b&gt;" in built.html or "<" not in title
    again = from_markdown(built.markdown)
    assert (again.title, again.notes) == (title, [title])
    assert again.groups == [Group(title, [Line(title, [Cell(title)])])]
    assert not any(line.startswith("=") for line in (built.csv + built.trace_csv).splitlines())
