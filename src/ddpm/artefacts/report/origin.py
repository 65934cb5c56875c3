"""Where a table's numbers and a figure's drawing come from, folded away below them."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from typing import Any

from ddpm.errors import DataError
from ddpm.graph import layout
from ddpm.study import Study

_DIGITS = 12
_HASHES = ("git_commit", "settings", "data_hash", "weights_hash")
_HEADS = (
    *("Number", "Value", "±", "Images", "Seeds", "Protocol", "Commit", "Settings", "Data", "Weights"),
    "Hardware",
)
_OF_INPUTS = {
    "sha256": "SHA-256",
    "git_commit": "Commit",
    "settings": "Settings",
    "data_hash": "Data",
    "weights_hash": "Weights",
    "training_seed": "Training seed",
    "sampling_seed": "Sampling seed",
}


def table_origin(study: Study, table: str) -> str:
    """The measurements behind each number, as HTML; "" for a table without measured numbers.

    Raises:
        DataError: the table's trace is damaged.
    """
    path = layout.path(layout.TABLE_TRACE, study.name, table=table)
    if not path.exists():
        return ""
    try:
        with path.open(newline="", encoding="utf-8") as file:
            rows = [_measurement(row) for row in csv.DictReader(file)]
    except (OSError, ValueError, KeyError, TypeError) as error:
        remedy = f"delete it and run `snakemake {path}`"
        raise DataError(f"{path}: damaged, or of an earlier version ({error}); {remedy}") from error
    return _folded(f"Where these numbers come from: {len(rows)} measurements", _HEADS, rows) if rows else ""


def _measurement(row: Mapping[str, str]) -> list[str]:
    seeds = ", ".join(
        f"{kind} {int(float(row[key]))}"
        for kind, key in (("training", "training_seed"), ("sampling", "sampling_seed"))
        if row[key]
    )
    number = f"{row['cell_row']}: {row['cell_column']}"
    return [
        *(number, _short(row["value"]), _short(row["spread"]), row["n"], seeds, row["protocol"]),
        *(row[name][:_DIGITS] for name in _HASHES),
        row["hardware"],
    ]


def _short(number: str) -> str:
    return f"{float(number):.6g}" if number else ""


def figure_origin(study: Study, figure: str) -> str:
    """The files that a figure was drawn from, as HTML; "" where it has no trace.

    Raises:
        DataError: the trace is damaged.
    """
    path = layout.path(layout.FIGURE_TRACE, study.name, figure=figure)
    if not path.exists():
        return ""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        rows = [_input(entry) for entry in content["inputs"]]
        drawn = f"Drawn with commit {content['git_commit'][:_DIGITS]}, settings {content['settings']}, from:"
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        remedy = f"delete it and run `snakemake {path}`"
        raise DataError(f"{path}: damaged, or of an earlier version ({error}); {remedy}") from error
    heads = ("File", *_OF_INPUTS.values(), "Hardware")
    return _folded("Where this comes from", heads, rows, drawn)


def _input(entry: Mapping[str, Any]) -> list[str]:
    about = {**(entry.get("provenance") or {}), "sha256": entry["sha256"]}
    values = [str(about.get(key) if about.get(key) is not None else "")[:_DIGITS] for key in _OF_INPUTS]
    return [str(entry["path"]), *values, str(about.get("hardware") or "")]


def _folded(title: str, heads: Sequence[str], rows: Iterable[Sequence[str]], before: str = "") -> str:
    head = "".join(f'<th scope="col">{escape(name)}</th>' for name in heads)
    lines = "\n".join(map(_row, rows))
    words = f"<p>{escape(before)}</p>\n" if before else ""
    return (
        f'<details class="origin"><summary>{escape(title)}</summary>\n{words}<div class="wide"><table>\n'
        f"<thead><tr>{head}</tr></thead>\n<tbody>\n{lines}\n</tbody>\n</table></div></details>"
    )


def _row(values: Sequence[str]) -> str:
    cells = "".join(f"<td>{escape(value)}</td>" for value in values[1:])
    return f'<tr><th scope="row">{escape(values[0])}</th>{cells}</tr>'
