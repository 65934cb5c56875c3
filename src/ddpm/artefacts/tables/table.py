"""A finished table: its CSV frame, its renderings, and the trace of its measured cells."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.artefacts import artefact
from ddpm.artefacts.tables.html import to_html, to_page
from ddpm.artefacts.tables.text import to_markdown
from ddpm.artefacts.tables.view import View
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.dependencies import artefact_inputs

if TYPE_CHECKING:
    import pandas as pd

    from ddpm.study.settings import Study

# Of a trace: `cell_row` and `cell_column` are the table's row name and its CSV column.
TRACE_COLUMNS = [
    *("cell_row", "cell_column", "study", "model", "metric", "split", "value", "spread", "n", "protocol"),
    *("status", "settings", "git_commit", "data_hash", "weights_hash", "training_seed", "sampling_seed"),
    "hardware",
]
# How a text begins that spreadsheets take for a formula.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@dataclasses.dataclass(frozen=True)
class BuiltTable:
    """A table.

    Attributes:
        frame: plain numbers for the CSV file; each line or column names its source.
        view: what the renderings show.
        trace: columns TRACE_COLUMNS, one line for each measurement that entered a cell.
    """

    frame: pd.DataFrame
    view: View
    trace: pd.DataFrame

    @property
    def csv(self) -> str:
        """The frame as CSV; missing values are empty, numbers keep all their digits."""
        return to_csv(self.frame)

    @property
    def trace_csv(self) -> str:
        """The trace as CSV."""
        return to_csv(self.trace)

    @property
    def markdown(self) -> str:
        """The rendered table as Markdown."""
        return to_markdown(self.view)

    @property
    def html(self) -> str:
        """The rendered table as a page of its own."""
        return to_page(self.view.title, to_html(self.view))


def to_csv(frame: pd.DataFrame) -> str:
    """A frame as CSV in which no text is a formula to a spreadsheet: one that would be begins with a '."""
    import pandas as pd

    # Columns of numbers stay as they are, and in the others each value its type.
    texts = {
        str(name): pd.Series([_no_formula(value) for value in column], index=frame.index, dtype=object)
        for name, column in frame.items()
        if not pd.api.types.is_numeric_dtype(column)
    }
    return frame.assign(**texts).to_csv(index=False, lineterminator="\n")


def _no_formula(value: object) -> object:
    if not isinstance(value, str) or not value.startswith(_FORMULA):
        return value
    try:
        float(value)
    except ValueError:
        return f"'{value}"
    return value


def build_table(study: Study, name: str) -> BuiltTable:
    """Builds a table from the files that `artefact_inputs` names, relative to the working folder.

    Raises:
        StudyError: the study builds no such table, or cannot build what it compares here.
        DataError: an input is missing, damaged, of other settings or data, or lacks a number that the table
            shows.
    """
    table = artefact.chosen_artefact(study, name, artefact.Table)
    from ddpm.artefacts.current import require_current
    from ddpm.graph.available import select

    if name == "comparison":
        # Of the tables that can be built here.
        selection = select(study)
        if reason := selection.missing.get(name):
            raise StudyError(f"{study.file}: artefacts.{name}: {reason}")
        study = selection.study
    inputs = artefact_inputs(study, name)
    require_current(study, (file for files in inputs.values() for file in files))
    return table.build(study, study.artefacts.chosen[name], inputs)


def table_files(study: Study, name: str, table: BuiltTable | None = None) -> dict[Path, str]:
    """The files of a table, and what stands in each; "" without the built table."""
    contents = {
        layout.TABLE_TRACE: table and table.trace_csv,
        layout.TABLE_MARKDOWN: table and table.markdown,
        layout.TABLE_HTML: table and table.html,
        layout.TABLE: table and table.csv,
    }
    return {
        layout.path(pattern, study.name, table=name): content or "" for pattern, content in contents.items()
    }


def cell_trace(row: str, column: str, measurements: pd.DataFrame) -> pd.DataFrame:
    """The measurements of one cell under TRACE_COLUMNS; those that `measurements` lacks are empty."""
    return measurements.assign(cell_row=row, cell_column=column).reindex(columns=TRACE_COLUMNS)


def joined(traces: Iterable[pd.DataFrame]) -> pd.DataFrame:
    """One trace from those of the cells."""
    import pandas as pd

    parts = [trace.astype(object) for trace in traces if len(trace)]
    return pd.concat(parts, ignore_index=True) if parts else pd.DataFrame(columns=TRACE_COLUMNS)
