"""The numbers in a study's tables, and whether they are those that runs of the same study gave before."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd

from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.records.reading import require_readable

WITHIN, DIFFERS, OTHER_SETTINGS, NOT_BUILT = "within", "differs", "other settings", "not built"
COLUMNS = ("table", "row", "column", "value", "tolerance", "settings")
# No measurements: a choice of the code's schedule; and the length of names in a file, such as the machine's.
_LEFT_OUT = ("coded latents", "coded header")


class Place(NamedTuple):
    """Where a number stands: a table, and names of row and column in its trace."""

    table: str
    row: str
    column: str

    def __str__(self) -> str:
        return f"{self.table}, {self.row}, {self.column}"


@dataclasses.dataclass(frozen=True)
class Number:
    """A number of a table.

    Attributes:
        value: the mean of its measurements.
        settings: the fingerprint of their settings.
        kind: metric and split, and whether it is of a model or a reference; "" where that is not known.
    """

    value: float
    settings: str
    kind: str = ""


@dataclasses.dataclass(frozen=True)
class Expected:
    """What is expected of a study.

    Attributes:
        file: where it stands.
        about: lines that say from which runs it was made.
        numbers: by place the number and its tolerance.
    """

    file: str
    about: Sequence[str]
    numbers: Mapping[Place, tuple[Number, float]]


@dataclasses.dataclass(frozen=True)
class Judged:
    """An expected number beside that of now.

    Attributes:
        place: where it stands.
        expected, tolerance: what it should be, give or take.
        here: what it is, NaN for none.
        outcome: WITHIN, DIFFERS, OTHER_SETTINGS (nothing to compare) or NOT_BUILT.
    """

    place: Place
    expected: float
    tolerance: float
    here: float
    outcome: str

    def __str__(self) -> str:
        if self.outcome == NOT_BUILT:
            return f"{self.place}: not built"
        words = f"{self.place}: {self.here:.6g}, expected {self.expected:.6g} ± {self.tolerance:.2g}"
        if self.outcome == OTHER_SETTINGS:
            return f"{words}: of other settings, not compared"
        off = self.here - self.expected
        return f"{words}: differs by {off:+.2g}" if self.outcome == DIFFERS else words


def table_numbers(home: str | Path, tables: Sequence[str]) -> dict[Place, Number]:
    """The measured numbers of those tables that are built, from their traces.

    Args:
        home: the folder of a study's results.
        tables: names of tables.

    Raises:
        DataError: a trace is damaged.
    """
    found: dict[Place, Number] = {}
    for table in tables:
        path = Path(layout.TABLE_TRACE.format(home=home, table=table))
        if path.exists():
            found |= _numbers(table, path)
    return found


def _numbers(table: str, path: Path) -> dict[Place, Number]:
    try:
        trace = pd.read_csv(path, dtype={"cell_row": str, "cell_column": str, "settings": str})
        cells = trace[~trace["metric"].isin(_LEFT_OUT)].groupby(["cell_row", "cell_column"], sort=False)
        return {
            Place(table, str(row), str(column)): Number(
                float(cell["value"].mean()), " ".join(sorted(set(cell["settings"].dropna()))), _kind(cell)
            )
            for (row, column), cell in cells
        }
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"delete it and run `snakemake {path}`"
        raise DataError(f"{path}: damaged, or of an earlier version ({error}); {remedy}") from error


def _kind(cell: pd.DataFrame) -> str:
    first = cell.iloc[0]
    return f"{first['metric']} {first['split']} {'reference' if first['status'] == 'reference' else 'model'}"


def read_expected(path: Path) -> Expected:
    """Reads a file of `ddpm expect`.

    Raises:
        DataError: it is missing or no such file.
    """
    require_readable(path, DataError, "no such file; name one that `ddpm expect` wrote")
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
        rows = csv.DictReader(line for line in lines if not line.startswith("#"))
        numbers = {
            Place(row["table"], row["row"], row["column"]): (
                Number(float(row["value"] or "nan"), row["settings"]),
                float(row["tolerance"] or 0),
            )
            for row in rows
        }
        if not numbers:
            raise ValueError("it is empty")
    except (ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: holds no expected numbers ({error}); give a file that `ddpm expect` wrote"
        ) from error
    return Expected(str(path), [line[1:].strip() for line in lines if line.startswith("#")], numbers)


def judge(expected: Expected, numbers: Mapping[Place, Number]) -> list[Judged]:
    """Each expected number beside that of now."""
    return [
        Judged(place, number.value, tolerance, *_outcome(number, tolerance, numbers.get(place)))
        for place, (number, tolerance) in expected.numbers.items()
    ]


def _outcome(expected: Number, tolerance: float, here: Number | None) -> tuple[float, str]:
    if here is None:
        return math.nan, NOT_BUILT
    if here.settings != expected.settings:
        return here.value, OTHER_SETTINGS
    if math.isnan(expected.value) or math.isnan(here.value):
        return here.value, WITHIN if math.isnan(expected.value) == math.isnan(here.value) else DIFFERS
    return here.value, WITHIN if abs(here.value - expected.value) <= tolerance else DIFFERS


def summary(judged: Sequence[Judged]) -> str:
    """How many numbers are as expected, in a sentence without its full stop."""
    counts = {outcome: sum(number.outcome == outcome for number in judged) for outcome in _REST}
    compared = sum(number.outcome in (WITHIN, DIFFERS) for number in judged)
    within = sum(number.outcome == WITHIN for number in judged)
    rest = "".join(f"; {count} {_REST[outcome]}" for outcome, count in counts.items() if count)
    return f"reproduced: {within} of {compared} numbers within tolerance{rest}"


_REST = {OTHER_SETTINGS: "of other settings, not compared", NOT_BUILT: "not built"}
