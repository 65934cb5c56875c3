"""Records of measurements, one JSON object a line, and the page that shows all of them."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ddpm.files import write_text

Record = Mapping[str, Any]


def append(record: Record, path: Path, section: Callable[[Record], str], title: str) -> None:
    """Adds a record to `path`.jsonl and writes `path`.md anew from all records, the latest first.

    Both files are written atomically.

    Args:
        record: JSON values.
        path: without suffix.
        section: a record as Markdown.
        title: of the page.

    Raises:
        ValueError: a line of the file is not JSON; the message names it.
    """
    records = [*read(path), dict(record)]
    lines = "".join(json.dumps(one) + "\n" for one in records)
    write_text(path.with_suffix(".jsonl"), lines)
    page = "\n".join([f"# {title}\n", *(section(one) for one in reversed(records))])
    write_text(path.with_suffix(".md"), page)


def read(path: Path) -> list[dict[str, Any]]:
    """The records of `path`.jsonl in the order in which they were added; none if there is no file.

    Raises:
        ValueError: as `append`.
    """
    file = path.with_suffix(".jsonl")
    if not file.exists():
        return []
    records = []
    for number, line in enumerate(file.read_text(encoding="utf-8").splitlines(), start=1):
        try:
            records.append(json.loads(line))
        except ValueError as error:
            raise ValueError(f"{file}, line {number}: {error}; restore the file from git") from error
    return records
