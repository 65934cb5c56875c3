"""The tables by name."""

from __future__ import annotations

from collections.abc import Callable

from ddpm.artefacts.tables import comparison, table1, table2, table4, text_numbers
from ddpm.artefacts.tables.built import BuiltTable
from ddpm.errors import StudyError
from ddpm.study.settings import Study

_BUILDERS: dict[str, Callable[[Study], BuiltTable]] = {
    "table1": table1.build,
    "table2": table2.build,
    "table4": table4.build,
    "text_numbers": text_numbers.build,
    "comparison": comparison.build,
}


def build_table(study: Study, name: str) -> BuiltTable:
    """Builds a table of the study from its measurements, relative to the working folder.

    Args:
        study: the study.
        name: one of `ddpm.study.artefacts.TABLES`.

    Raises:
        StudyError: the study does not build this table.
        DataError: an input is missing, damaged, or lacks a number that the table shows.
    """
    if name not in study.artefacts.tables:
        chosen = ", ".join(study.artefacts.tables) or "none"
        raise StudyError(
            f"{study.file}: artefacts.{name}: this study builds no such table (it builds: {chosen}); name "
            f"one of these, or choose the models of {' or '.join(_BUILDERS)} under `artefacts`"
        )
    return _BUILDERS[name](study)
