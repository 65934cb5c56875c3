"""A report that is on disk as far as it has come, part by part, whatever becomes of the rest."""

from __future__ import annotations

import json
import logging
import time
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ddpm.records.files import write_text

logger = logging.getLogger("ddpm")


class PartialReport:
    """Runs parts within a time and saves after each.

    Args:
        path: a .json file, written atomically after each part.
        header: JSON values that come first.
        seconds: no part begins after so many.
    """

    def __init__(self, path: Path, header: dict[str, Any], seconds: float) -> None:
        self.path, self.content, self.seconds = path, dict(header), seconds
        self.started = time.monotonic()
        self.failed: list[str] = []

    @property
    def left(self) -> float:
        """Seconds until no part begins any more."""
        return self.seconds - (time.monotonic() - self.started)

    def part(self, name: str, work: Callable[[], Any]) -> None:
        """Adds what `work` returns (JSON values) under a name; an error is noted, and the rest goes on."""
        began = time.monotonic()
        logger.info("%s", name)
        if self.left <= 0:
            self.content[name] = {"left_out": f"{self.seconds:.0f} s were over"}
        else:
            try:
                self.content[name] = {"result": work()}
            except Exception as error:  # Whatever it is, the other parts are worth having.
                logger.exception("%s failed", name)
                self.failed.append(name)
                last = traceback.format_exception(error)[-6:]
                self.content[name] = {"error": f"{type(error).__name__}: {error}", "traceback": "".join(last)}
            self.content[name]["seconds"] = round(time.monotonic() - began, 1)
        write_text(self.path, json.dumps(self.content, indent=1) + "\n")
