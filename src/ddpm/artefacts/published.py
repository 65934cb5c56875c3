"""Every number that the paper prints (config/published.csv), and what others got when they repeated it."""

from __future__ import annotations

import csv
import dataclasses
import math
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from ddpm.errors import DataError
from ddpm.records.reading import require_readable

COLUMNS = (
    *("item", "group", "row", "label", "metric", "split"),
    *("reverse_steps", "bound", "value", "spread", "best", "note", "source"),
)
ITEMS = ("table1", "table2", "table3", "table4", "figure10", "text", "reproduction")

# The names that the paper's items give the model whose numbers others have reproduced.
_WITH_REPRODUCTIONS = ("table1", "table2", "text")
_L_SIMPLE = ("L_simple", "epsilon_L_simple")


@dataclasses.dataclass(frozen=True)
class PublishedNumber:
    """One number, or one place that the paper leaves blank.

    Attributes:
        item: table1, table2, table3, table4, figure10 or text; reproduction for a number of others.
        group: heading above the row ("Conditional"), LSUN set, topic of the text, or who reproduced it.
        row: stable name of the row within the item; label: the row as the paper prints it.
        metric: IS, FID, NLL (bits/dim), rate (bits/dim), RMSE (grey levels of [0, 255]), ...
        split: train or test, where the paper says on or against which; else None.
        reverse_steps: T - t + 1 (table4, figure10); else None.
        bound: "<=" for an upper bound, else "".
        value, spread: NaN where the paper prints none.
        best: the paper sets the number bold.
        note: what else must be known about it.
        source: where a reproduction is reported; "" for the paper's numbers, and where that is not confirmed.
        printed, printed_spread: the digits as printed, "" where there are none.
    """

    item: str
    group: str
    row: str
    label: str
    metric: str
    split: str | None
    reverse_steps: int | None
    bound: str
    value: float
    spread: float
    best: bool
    note: str
    source: str
    printed: str
    printed_spread: str

    @property
    def key(self) -> tuple[object, ...]:
        """What tells this number from all others."""
        return (self.item, self.group, self.row, self.metric, self.split, self.reverse_steps)


class Published:
    """The published numbers, in the order of the file.

    Args:
        path: the file, for messages.
        numbers: its content.
    """

    def __init__(self, path: Path, numbers: Iterable[PublishedNumber]) -> None:
        self.path = path
        self.numbers = list(numbers)

    def of(self, item: str) -> list[PublishedNumber]:
        """All numbers of a table, of figure10, or of the text."""
        return [number for number in self.numbers if number.item == item]

    def rows(self, item: str) -> dict[str, PublishedNumber]:
        """The rows of an item in printed order: each row's name with the first of its numbers."""
        rows: dict[str, PublishedNumber] = {}
        for number in self.of(item):
            rows.setdefault(number.row, number)
        return rows

    def find(
        self, item: str, row: str, metric: str, *, group: str | None = None, split: str | None = None
    ) -> PublishedNumber | None:
        """The first number that fits, or None; a `group` or `split` of None fits all."""
        for number in self.of(item):
            fits = (number.row, number.metric) == (row, metric)
            if fits and group in (None, number.group) and split in (None, number.split):
                return number
        return None

    def number(
        self, item: str, row: str, metric: str, *, group: str | None = None, split: str | None = None
    ) -> PublishedNumber:
        """As `find`, for a number that must be there.

        Raises:
            DataError: the file has no such number.
        """
        found = self.find(item, row, metric, group=group, split=split)
        if found is None:
            wanted = {"item": item, "group": group, "row": row, "metric": metric, "split": split}
            text = ", ".join(f"{key}={value}" for key, value in wanted.items() if value is not None)
            raise DataError(f"{self.path}: no line has {text}; restore it with `git checkout -- {self.path}`")
        return found

    def reproductions(self, number: PublishedNumber) -> list[PublishedNumber]:
        """What others got for a number of the paper's CIFAR-10 model L_simple; empty for other numbers."""
        if number.item not in _WITH_REPRODUCTIONS or number.row not in _L_SIMPLE:
            return []
        wanted = (_L_SIMPLE[0], number.metric, number.split)
        return [n for n in self.of("reproduction") if (n.row, n.metric, n.split) == wanted]

    def curve(self, item: str, metric: str) -> list[tuple[int, float]]:
        """(reverse steps T - t + 1, value) of table4 or figure10, with rising reverse steps."""
        points = [(n.reverse_steps, n.value) for n in self.of(item) if n.metric == metric]
        return sorted((steps, value) for steps, value in points if steps is not None)


def read_published(path: str | Path) -> Published:
    """Reads and checks a file of published numbers.

    Raises:
        DataError: with file, line, column, and remedy: the file is missing, its columns differ, a
            value is malformed, or a number is given twice.
    """
    path = Path(path)
    missing = f"no such file; run in the project's folder, or restore it: `git checkout -- {path}`"
    require_readable(path, DataError, missing)
    try:
        with path.open(newline="", encoding="utf-8") as file:
            return Published(path, _numbers(path, csv.reader(file, strict=True)))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a readable CSV file ({error}); restore it with git") from error


def _numbers(path: Path, reader: csv._reader) -> list[PublishedNumber]:  # type: ignore[name-defined]
    header: list[str] = next(reader, [])
    if tuple(header) != COLUMNS:
        raise DataError(f"{path}:1: columns are {','.join(header)!r}; they must be {','.join(COLUMNS)!r}")
    numbers = []
    lines: dict[tuple[object, ...], int] = {}
    for fields in reader:
        where = f"{path}:{reader.line_num}"
        if len(fields) != len(COLUMNS):
            raise DataError(
                f"{where}: {len(fields)} fields instead of {len(COLUMNS)}; put text with commas in quotes"
            )
        number = _number(where, dict(zip(COLUMNS, fields, strict=True)))
        if number.key in lines:
            raise DataError(
                f"{where}: row: {number.row!r} repeats the number of line {lines[number.key]}; remove one"
            )
        lines[number.key] = reader.line_num
        numbers.append(number)
    return numbers


def _number(where: str, fields: Mapping[str, str]) -> PublishedNumber:
    _check(where, fields)
    return PublishedNumber(
        **{
            name: fields[name]
            for name in ("item", "group", "row", "label", "metric", "bound", "note", "source")
        },
        split=fields["split"] or None,
        reverse_steps=int(fields["reverse_steps"]) if fields["reverse_steps"] else None,
        value=float(fields["value"] or "nan"),
        spread=float(fields["spread"] or "nan"),
        best=fields["best"] == "true",
        printed=fields["value"],
        printed_spread=fields["spread"],
    )


# Column -> (what it accepts, in words; the test of its text).
_RULES: dict[str, tuple[str, Callable[[str], bool]]] = {
    "item": (f"one of {', '.join(ITEMS)}", lambda text: text in ITEMS),
    "row": ("a name", lambda text: bool(text.strip())),
    "label": ("the row as the paper prints it", lambda text: bool(text.strip())),
    "metric": ("a name such as FID", lambda text: bool(text.strip())),
    "split": ("train, test, or empty", lambda text: text in ("", "train", "test")),
    "reverse_steps": ("a positive whole number or empty", lambda text: not text or _is_count(text)),
    "bound": ("<= or empty", lambda text: text in ("", "<=")),
    "value": ("a finite number or empty", lambda text: not text or _is_finite(text)),
    "spread": ("a finite number of at least 0 or empty", lambda text: not text or _is_finite(text, lowest=0)),
    "best": ("true or empty", lambda text: text in ("", "true")),
}


def _check(where: str, fields: Mapping[str, str]) -> None:
    for column, (accepted, accepts) in _RULES.items():
        if not accepts(fields[column]):
            raise DataError(f"{where}: {column}: must be {accepted}, not {fields[column]!r}")
    for column in ("spread", "bound", "best"):
        if fields[column] and not fields["value"]:
            raise DataError(
                f"{where}: {column}: {fields[column]!r} without a value; add the value or remove it"
            )
    if not fields["value"] and not fields["note"].strip():
        raise DataError(f"{where}: note: must say why the value is blank")
    if fields["item"] == "reproduction" and not (fields["source"] or fields["note"]).strip():
        raise DataError(f"{where}: source: must say where it is reported, or the note that this is not known")


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal() and int(text) > 0


def _is_finite(text: str, lowest: float = -math.inf) -> bool:
    try:
        number = float(text)
    except ValueError:
        return False
    return math.isfinite(number) and number >= lowest
