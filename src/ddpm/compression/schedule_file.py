"""The fitted code of a model as a JSON file: schedule, frequencies, and where they come from."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ddpm.compression.index_code import IndexCode
from ddpm.compression.schedule import CodingSchedule
from ddpm.errors import DataError, DivergedError
from ddpm.records.files import write_text
from ddpm.records.reading import require_readable

_NO_CODE = "no code"


@dataclasses.dataclass(frozen=True)
class FittedCode:
    """All that sender and receiver share besides the model.

    Attributes:
        mode: "progressive" or "archive".
        schedule: times and variances.
        codes: of the indices of each step, x_T first; none in archive mode.
    """

    mode: str
    schedule: CodingSchedule
    codes: tuple[IndexCode, ...] = ()

    def __post_init__(self) -> None:
        steps = len(self.schedule.times) if self.mode == "progressive" else 0
        if self.mode not in ("progressive", "archive") or len(self.codes) != steps:
            raise ValueError(f"a {self.mode} code of {len(self.codes)} index codes")

    @property
    def content(self) -> dict[str, Any]:
        """JSON values."""
        return {
            "mode": self.mode,
            "schedule": {key: list(value) for key, value in dataclasses.asdict(self.schedule).items()},
            "codes": [
                {key: list(value) for key, value in dataclasses.asdict(code).items()} for code in self.codes
            ],
        }

    @property
    def hash(self) -> str:
        """SHA-256 of the content; numbers as Python writes them, which is exact."""
        return hashlib.sha256(json.dumps(self.content, sort_keys=True).encode()).hexdigest()


def write_code(path: str | Path, code: FittedCode, provenance: Mapping[str, Any]) -> None:
    """Writes a code with its provenance (JSON values), atomically."""
    content = {"hash": code.hash, **code.content, "provenance": dict(provenance)}
    write_text(path, json.dumps(content, indent=1) + "\n")


def write_no_code(path: str | Path, status: str, provenance: Mapping[str, Any]) -> None:
    """Writes that there is no code, as `status` says (`ddpm.records.status`): nothing can be fitted."""
    content = {_NO_CODE: status, "provenance": dict(provenance)}
    write_text(path, json.dumps(content, indent=1) + "\n")


def read_code(path: str | Path) -> tuple[FittedCode, dict[str, Any]]:
    """A code and its provenance.

    Raises:
        DivergedError: there is no code.
        DataError: the file is missing, damaged or altered.
    """
    require_readable(path, DataError, f"no such schedule; make it with `snakemake {path}`")
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
        if _NO_CODE in content:
            raise DivergedError(f"{path}: holds no code: training {content[_NO_CODE]}")
        code = FittedCode(
            content["mode"],
            CodingSchedule(**{key: tuple(value) for key, value in content["schedule"].items()}),
            tuple(IndexCode(**{key: tuple(value) for key, value in one.items()}) for one in content["codes"]),
        )
        whole = code.hash == content["hash"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise DataError(f"{path}: not a readable schedule ({error}); delete it, make it again") from error
    if not whole:
        raise DataError(f"{path}: differs from the hash written with it; delete it, make it again")
    return code, content.get("provenance", {})
