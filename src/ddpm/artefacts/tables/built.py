"""A finished table: its CSV frame, its renderings, and the trace of its measured cells."""

from __future__ import annotations

import dataclasses

import pandas as pd

from ddpm.artefacts.tables.rendering.html_page import to_page
from ddpm.artefacts.tables.rendering.html_table import to_html
from ddpm.artefacts.tables.rendering.markdown import to_markdown
from ddpm.artefacts.tables.rendering.view import View


@dataclasses.dataclass(frozen=True)
class BuiltTable:
    """A table.

    Attributes:
        frame: plain numbers for the CSV file; each line or column names its source.
        view: what the renderings show.
        trace: columns `ddpm.artefacts.tables.trace.COLUMNS`, one line for each measurement used.
    """

    frame: pd.DataFrame
    view: View
    trace: pd.DataFrame

    @property
    def csv(self) -> str:
        """The frame as CSV; missing values are empty, numbers keep all their digits."""
        return self.frame.to_csv(index=False, lineterminator="\n")

    @property
    def trace_csv(self) -> str:
        """The trace as CSV."""
        return self.trace.to_csv(index=False, lineterminator="\n")

    @property
    def markdown(self) -> str:
        """The rendered table as Markdown."""
        return to_markdown(self.view)

    @property
    def html(self) -> str:
        """The rendered table as a page of its own."""
        return to_page(self.view.title, to_html(self.view))
