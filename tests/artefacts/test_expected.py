"""Expected numbers: those of a study's tables, tolerances from runs, and what is said of the rest."""

import argparse
import dataclasses
from pathlib import Path

import made_up_study
import numpy as np
import pandas as pd
import pytest

from ddpm.artefacts.expected import (
    DIFFERS,
    NOT_BUILT,
    OTHER_SETTINGS,
    WITHIN,
    Number,
    Place,
    judge,
    read_expected,
    summary,
    table_numbers,
)
from ddpm.artefacts.tolerances import expected_frame
from ddpm.cli import main
from ddpm.commands import table
from ddpm.errors import DataError
from ddpm.study import Study

HOME = Path("results/made_up")
EXPECTED = Path("config/expected/made_up.csv")
Run = dict[Place, Number]


@pytest.fixture
def study(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Study:
    monkeypatch.chdir(tmp_path)
    study = made_up_study.make(tmp_path)
    made_up_study.measure(study)
    for name in ("table1", "table2"):
        table.run(study, argparse.Namespace(table=name))
    return study


def numbers() -> Run:
    return table_numbers(HOME, ["table1", "table2", "table4"])


def scattered(run: Run, relative: float, seed: int) -> Run:
    random = np.random.default_rng(seed)
    return {
        place: dataclasses.replace(number, value=number.value * (1 + relative * random.normal()))
        for place, number in run.items()
    }


def test_a_number_knows_of_which_kind_it_is(study: Study) -> None:
    """Reference rows, which hardly scatter, say nothing of how models do."""
    kinds = {place: number.kind for place, number in numbers().items()}
    of_models = {kinds[place] for place in kinds if place.column in ("FID", "measured_FID")}
    assert of_models == {"FID train model"}
    assert any(kind.endswith(" reference") for kind in kinds.values()), kinds


def test_the_numbers_are_those_of_the_tables(study: Study) -> None:
    shown = pd.read_csv(HOME / "table2.csv").set_index("row")
    found = {place: number.value for place, number in numbers().items() if place.table == "table2"}
    assert len(found) > 5
    for place, value in found.items():
        # Of several seeds their mean, as in the table.
        assert shown.loc[place.row, place.column] == pytest.approx(value, rel=1e-12, nan_ok=True)


def test_what_is_no_measurement_is_left_out(tmp_path: Path) -> None:
    """The header of a coded file holds names, and is longer on some machines."""
    folder = tmp_path / "results/coded/tables"
    folder.mkdir(parents=True)
    metrics = {"bits": "coded bits", "header_bits": "coded header", "latents": "coded latents"}
    rows = {"cell_row": "archive", "cell_column": list(metrics), "metric": list(metrics.values())}
    kind = {"value": 1.0, "settings": "0123", "split": "test", "status": "trained"}
    pd.DataFrame(rows | kind).to_csv(folder / "compression.trace.csv", index=False)
    found = table_numbers(tmp_path / "results/coded", ["compression"])
    assert list(found) == [Place("compression", "archive", "bits")]


def made_up_runs(runs: int, seed: int, rows: int = 8) -> list[Run]:
    """Two columns of numbers of very different sizes, which scatter by 1 % and by 10 %."""
    random = np.random.default_rng(seed)
    return [
        {
            Place("t", str(row), column): Number(10.0**row * (1 + spread * random.normal()), "s", column)
            for row in range(rows)
            for column, spread in (("a", 0.01), ("b", 0.1))
        }
        for _ in range(runs)
    ]


def within(runs: list[Run], another: Run) -> list[bool]:
    frame = expected_frame(runs)
    return [
        abs(another[Place(row.table, row.row, row.column)].value - row.value) <= row.tolerance
        for row in frame.itertuples()
    ]


def test_a_further_run_is_within_tolerance() -> None:
    """Of 150 runs about 1.5 may have a number beyond it; 7 would be more than four deviations off."""
    beyond = 0
    for seed in range(150):
        *runs, another = made_up_runs(5, seed)
        beyond += not all(within(runs, another))
    assert beyond < 7


def test_tolerances_are_no_wider_than_they_must_be() -> None:
    frame = expected_frame(made_up_runs(5, seed=1))
    relative = (frame["tolerance"] / frame["value"].abs()).groupby(frame["column"]).median()
    # A normal deviate exceeds 3.4 once in 1,600 times: 16 numbers, and 1 of 100 runs.
    assert 2.5 * 0.01 < relative["a"] < 7 * 0.01
    assert 2.5 * 0.1 < relative["b"] < 7 * 0.1


def test_the_tolerance_of_a_single_number() -> None:
    """Its kind's deviation is its own, 1 of 2, which three runs underestimate by 0.8326 (their median)."""
    runs = [{Place("t", "r", "c"): Number(value, "s")} for value in (1.0, 2.0, 3.0)]
    (tolerance,) = expected_frame(runs)["tolerance"]
    # Student's quantile of two degrees of freedom for 0.5 % on either side, from a printed table.
    assert tolerance == pytest.approx(9.925 * (1 / 0.8326) * (4 / 3) ** 0.5, rel=5e-3)


def test_a_shifted_number_is_told() -> None:
    runs = made_up_runs(5, seed=2)
    shifted = dict(runs[0])
    place = Place("t", "3", "a")
    shifted[place] = Number(1100.0, "s", "a")
    assert within(runs[1:], shifted).count(False) == 1


def test_numbers_that_never_change_may_be_rounded_otherwise() -> None:
    runs = [{Place("t", "r", "c"): Number(3.0, "s")}] * 3
    assert within(runs, {Place("t", "r", "c"): Number(3.000001, "s")}) == [True]
    assert within(runs, {Place("t", "r", "c"): Number(3.00001, "s")}) == [False]


def test_runs_must_belong_together() -> None:
    runs = made_up_runs(3, seed=0)
    with pytest.raises(DataError, match="2 runs: a spread takes three"):
        expected_frame(runs[:2])
    with pytest.raises(DataError, match="t, 9, a: in run 1 or run 3 alone"):
        expected_frame([*runs[:2], runs[2] | {Place("t", "9", "a"): Number(1.0, "s")}])
    other = {place: dataclasses.replace(number, settings="o") for place, number in runs[2].items()}
    with pytest.raises(DataError, match="t, 0, a: run 3 has other settings than run 1"):
        expected_frame([*runs[:2], other])


def write_expected(*changes: tuple[str, object]) -> None:
    """Expected numbers of three runs about those of now, some of them changed."""
    frame = expected_frame([scattered(numbers(), 0.001, seed) for seed in range(3)])
    for column, value in changes:
        frame.loc[0, column] = value
    EXPECTED.parent.mkdir(parents=True, exist_ok=True)
    EXPECTED.write_text("# run 1: commit abc\n" + frame.to_csv(index=False))


@pytest.mark.parametrize(
    ("changes", "outcome"),
    [
        ((), WITHIN),
        ((("value", 1e6),), DIFFERS),
        ((("settings", "other"),), OTHER_SETTINGS),
        ((("row", "another"),), NOT_BUILT),
    ],
)
def test_each_number_gets_its_outcome(study: Study, changes: tuple, outcome: str) -> None:
    write_expected(*changes)
    expected = read_expected(EXPECTED)
    judged = judge(expected, numbers())
    assert judged[0].outcome == outcome
    assert {number.outcome for number in judged[1:]} == {WITHIN}
    rest = {OTHER_SETTINGS: "; 1 of other settings", NOT_BUILT: "; 1 not built"}.get(outcome, "")
    compared = len(judged) - bool(rest)
    within = compared - (outcome == DIFFERS)
    assert summary(judged).startswith(f"reproduced: {within} of {compared} numbers within tolerance{rest}")
    assert expected.about == ["run 1: commit abc"]


def test_verify_ends_with_the_count_and_names_what_differs(
    study: Study, capsys: pytest.CaptureFixture[str]
) -> None:
    write_expected()
    assert main(["verify", study.file, "--numbers"]) == 0
    count = len(read_expected(EXPECTED).numbers)
    last = f"reproduced: {count} of {count} numbers within tolerance ({EXPECTED})"
    assert last in capsys.readouterr().err
    write_expected(("value", 1e6))
    assert main(["verify", study.file, "--numbers"]) == 9
    told = capsys.readouterr().err
    assert "expected 1e+06 ± " in told
    assert f"reproduced: {count - 1} of {count}" in told
    assert "1 numbers are not as expected" in told
    other = EXPECTED.rename("config/mine.csv")
    assert main(["verify", study.file, "--numbers"]) == 0
    assert main(["verify", study.file, "--numbers", "--against", str(other)]) == 9


@pytest.mark.parametrize(
    "content", ["", "table,row\n1,2\n", "table,row,column,value,tolerance,settings\na,b,c,x,1,s"]
)
def test_a_file_of_no_expected_numbers_is_named(study: Study, content: str) -> None:
    EXPECTED.parent.mkdir()
    EXPECTED.write_text(content)
    with pytest.raises(DataError, match=r"made_up\.csv: holds no expected numbers .*`ddpm expect`"):
        read_expected(EXPECTED)
    with pytest.raises(DataError, match=r"none\.csv: no such file"):
        read_expected(Path("none.csv"))


def test_expect_writes_what_verify_reads(study: Study, capsys: pytest.CaptureFixture[str]) -> None:
    runs = [str(HOME)] * 3
    assert main(["expect", study.file, "--runs", *runs, "--output", str(EXPECTED)]) == 0
    found = read_expected(EXPECTED)
    assert len(found.about) == 5
    assert "a laptop" in found.about[2]
    assert set(found.numbers) == set(numbers())
    assert main(["verify", study.file, "--numbers"]) == 0
    assert main(["expect", study.file, "--runs", str(HOME), "--output", "x.csv"]) == 2
    assert "1 runs" in capsys.readouterr().err
