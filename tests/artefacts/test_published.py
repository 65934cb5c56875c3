"""The file of published numbers is complete and right, and a damaged one says where."""

from __future__ import annotations

import collections
import math
from pathlib import Path

import pytest

from ddpm.artefacts.published import Published, read_published
from ddpm.artefacts.tables.table1 import Table1Settings
from ddpm.artefacts.tables.table2 import Table2Settings
from ddpm.errors import DataError

FILE = Path(__file__).parents[2] / "config" / "published.csv"

TABLE1 = """
EBM_conditional 8.30 - 37.9 - -
JEM 8.76 - 38.4 - -
BigGAN 9.22 - 14.73 - -
StyleGAN2_ADA_conditional 10.06 - 2.67 - -
diffusion_original - - - 5.40 -
Gated_PixelCNN 4.60 - 65.93 3.03 2.90
Sparse_Transformer - - - 2.80 -
PixelIQN 5.29 - 49.46 - -
EBM 6.78 - 38.2 - -
NCSNv2 - - 31.75 - -
NCSN 8.87 0.12 25.32 - -
SNGAN 8.22 0.05 21.7 - -
SNGAN_DDLS 9.09 0.10 15.42 - -
StyleGAN2_ADA 9.74 0.05 3.26 - -
L 7.67 0.13 13.51 3.70 3.69
L_simple 9.46 0.11 3.17 3.75 3.72
"""
TABLE2 = """
mu_tilde_L_learned 7.28 0.10 23.69
mu_tilde_L_fixed 8.06 0.09 13.22
mu_tilde_mse - - -
epsilon_L_learned - - -
epsilon_L_fixed 7.67 0.13 13.51
epsilon_L_simple 9.46 0.11 3.17
"""
TABLE3 = """
ProgressiveGAN 8.34 6.42 37.52
StyleGAN 2.65 4.21 8.53
StyleGAN2 - 3.86 6.93
L_simple 6.36 7.89 19.75
L_simple_large 4.90 - -
"""
TABLE4 = """
1000 1.77581 0.95136
900 0.11994 12.02277
800 0.05415 18.47482
700 0.02866 24.43656
600 0.01507 30.80948
500 0.00716 38.03236
400 0.00282 46.12765
300 0.00081 54.18826
200 0.00013 60.97170
100 0.00000 67.60125
"""


@pytest.fixture(scope="module")
def published() -> Published:
    return read_published(FILE)


# What stands in the columns of the tables above: metric, and its split or group.
COLUMNS: dict[str, tuple[str, list[tuple[str, dict[str, str]]]]] = {
    "table1": (TABLE1, [("IS", {}), ("FID", {}), ("NLL", {"split": "test"}), ("NLL", {"split": "train"})]),
    "table2": (TABLE2, [("IS", {}), ("FID", {})]),
    "table3": (TABLE3, [("FID", {"group": group}) for group in ("Bedroom", "Church", "Cat")]),
    "table4": (TABLE4, [("rate", {}), ("RMSE", {})]),
}


def test_every_item_is_complete(published: Published) -> None:
    counts = collections.Counter(number.item for number in published.numbers)
    # Table 1: 16 systems with IS, FID and test NLL each, and three train NLLs.
    assert counts.pop("text") >= 30
    assert counts.pop("reproduction") == 7
    assert counts == {"table1": 16 * 3 + 3, "table2": 12, "table3": 15, "table4": 20, "figure10": 40}


@pytest.mark.parametrize("item", COLUMNS)
def test_the_tables_hold_the_printed_digits(published: Published, item: str) -> None:
    """A "-" is a blank in the paper; the ± of IS follows it."""
    table, columns = COLUMNS[item]
    for line in table.strip().splitlines():
        row, *printed = ["" if word == "-" else word for word in line.split()]
        found: list[str] = []
        for metric, place in columns:
            number = published.find(item, row, metric, **place)
            found += [number.printed, number.printed_spread] if number and metric == "IS" else []
            found += [number.printed if number else ""] if metric != "IS" else []
        assert (row, found) == (row, printed)
        if item == "table4":
            assert dict(published.curve("table4", "rate"))[int(row)] == float(printed[0])


def test_rows_bear_the_names_of_the_settings(published: Published) -> None:
    assert list(published.rows("table2")) == list(Table2Settings.model_fields)
    assert list(published.rows("table1"))[-2:] == list(Table1Settings.model_fields)


def test_bold_numbers(published: Published) -> None:
    best = {(n.item, n.row, n.metric, n.printed) for n in published.numbers if n.best}
    assert best == {
        ("table1", "StyleGAN2_ADA_conditional", "IS", "10.06"),
        ("table1", "StyleGAN2_ADA_conditional", "FID", "2.67"),
        ("table1", "StyleGAN2_ADA", "IS", "9.74"),
        ("table1", "Sparse_Transformer", "NLL", "2.80"),
        ("table1", "L_simple", "FID", "3.17"),
        ("table2", "epsilon_L_simple", "IS", "9.46"),
        ("table2", "epsilon_L_simple", "FID", "3.17"),
        ("table3", "StyleGAN", "FID", "2.65"),
        ("table3", "StyleGAN2", "FID", "3.86"),
        ("table3", "StyleGAN2", "FID", "6.93"),
    }


def test_bounds_are_those_of_the_likelihoods_of_diffusion_models(published: Published) -> None:
    bounded = {(n.row, n.printed) for n in published.of("table1") if n.bound == "<="}
    ours = {("L", "3.70"), ("L", "3.69"), ("L_simple", "3.75"), ("L_simple", "3.72")}
    assert bounded == {("diffusion_original", "5.40"), *ours}


def test_blanks_are_rows_without_a_value_that_say_so(published: Published) -> None:
    blank = published.number("table2", "mu_tilde_mse", "FID")
    assert math.isnan(blank.value)
    assert "unstable" in blank.note


@pytest.mark.parametrize(
    ("row", "metric", "split", "value"),
    [
        ("L_simple", "FID", "test", 5.24),
        ("rate", "rate", "test", 1.78),
        ("distortion", "distortion", "test", 1.97),
        ("RMSE", "RMSE", "test", 0.95),
        ("NLL_gap", "NLL gap", None, 0.03),
        ("L_T", "L_T", None, 1e-5),
        ("CIFAR-10", "training speed", None, 21),
        ("CIFAR-10", "training time", None, 10.6),
        ("256x256", "training speed", None, 2.2),
        ("CIFAR-10", "seconds per batch", None, 17),
        ("256x256", "seconds per batch", None, 300),
        ("CIFAR-10", "parameters", None, 35.7),
        ("256x256", "parameters", None, 114),
        ("CIFAR-10", "training steps", None, 800_000),
    ],
)
def test_numbers_in_the_text(
    published: Published, row: str, metric: str, split: str | None, value: float
) -> None:
    assert published.number("text", row, metric, split=split).value == value


def test_figure10_is_marked_as_digitised(published: Published) -> None:
    assert all(number.note.startswith("digitised") for number in published.of("figure10"))
    scores, distances = published.curve("figure10", "IS"), published.curve("figure10", "FID")
    assert [steps for steps, _ in scores] == [steps for steps, _ in distances] == list(range(50, 1001, 50))
    assert (scores[0], scores[-1]) == ((50, 1.32), (1000, 9.47))
    assert (distances[0], distances[-1]) == ((50, 354), (1000, 4))


def test_reproductions_are_of_the_headline_fid_and_tell_their_source(published: Published) -> None:
    fid = published.number("table1", "L_simple", "FID")
    others = published.reproductions(fid)
    assert [n.value for n in others if n.source] == [3.212, 3.246, 3.21, 3.14, 3.1246]
    assert [(n.value, n.note) for n in others if not n.source] == [(3.046, "reported, source not confirmed")]
    for item, row in (("table2", "epsilon_L_simple"), ("text", "L_simple")):
        assert published.reproductions(published.number(item, row, "FID", split="train")) == others
    for number in (
        published.number("table1", "L_simple", "IS"),
        published.number("table1", "L", "FID"),
        published.number("text", "L_simple", "FID", split="test"),
        published.number("table3", "L_simple", "FID", group="Church"),
    ):
        assert published.reproductions(number) == []
    assert not any(n.source for n in published.numbers if n.item != "reproduction")


HEADER = "item,group,row,label,metric,split,reverse_steps,bound,value,spread,best,note,source\n"
GOOD = "table1,,JEM,JEM,IS,,,,8.76,,,,\n"


@pytest.mark.parametrize(
    ("line", "column", "reason"),
    [
        ("table9,,JEM,JEM,IS,,,,8.76,,,", "item", "table9"),
        ("table1,,,JEM,IS,,,,8.76,,,", "row", "a name"),
        ("table1,,JEM,JEM,,,,,8.76,,,", "metric", "a name"),
        ("table1,,JEM,JEM,IS,val,,,8.76,,,", "split", "train, test, or empty"),
        ("table4,,x,x,rate,,half,,8.76,,,", "reverse_steps", "positive whole number"),
        ("table1,,JEM,JEM,IS,,,<,8.76,,,", "bound", "<= or empty"),
        ('table1,,JEM,JEM,IS,,,,"8,76",,,', "value", "'8,76'"),
        ("table1,,JEM,JEM,IS,,,,nan,,,", "value", "finite"),
        ("table1,,JEM,JEM,IS,,,,8.76,-1,,", "spread", "at least 0"),
        ("table1,,JEM,JEM,IS,,,,8.76,,yes,", "best", "true or empty"),
        ("table1,,JEM,JEM,IS,,,,,0.1,,blank", "spread", "without a value"),
        ("table1,,JEM,JEM,IS,,,,,,,", "note", "why the value is blank"),
        ("reproduction,x,L_simple,x,FID,train,,,3.2,,,", "source", "where it is reported"),
        ("table1,,EBM,EBM,IS,,,,1,,,", "row", "repeats the number of line 2"),
    ],
)
def test_a_bad_line_is_named_with_its_column(tmp_path: Path, line: str, column: str, reason: str) -> None:
    file = tmp_path / "published.csv"
    file.write_text(HEADER + GOOD.replace("JEM", "EBM") + line + ",\n")
    with pytest.raises(DataError) as error:
        read_published(file)
    assert str(error.value).startswith(f"{file}:3: {column}: ")
    assert reason in str(error.value)


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        ("", ":1: columns are ''"),
        (HEADER.replace("bound", "limit") + GOOD, ":1: columns are"),
        (HEADER + "table1,JEM,8.76\n", ":2: 3 fields instead of 13"),
    ],
)
def test_another_shape_is_refused(tmp_path: Path, content: str, reason: str) -> None:
    file = tmp_path / "published.csv"
    file.write_text(content)
    with pytest.raises(DataError) as error:
        read_published(file)
    assert f"{file}{reason}" in str(error.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no such file; run in the project's folder"):
        read_published(tmp_path / "absent.csv")
    (tmp_path / "binary.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"binary\.csv: not a readable CSV file"):
        read_published(tmp_path / "binary.csv")


def test_a_missing_number_is_named(published: Published) -> None:
    with pytest.raises(DataError, match=r"published\.csv: no line has item=table2, row=x0_mse, metric=FID"):
        published.number("table2", "x0_mse", "FID")
