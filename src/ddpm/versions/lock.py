"""What dvc.lock says: the studies that DVC stores, and what their results were made from."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from ddpm.errors import DDPMError
from ddpm.study import layout

LOCK = Path("dvc.lock")


class VersionsError(DDPMError):
    """dvc.lock or DVC's answer cannot be read."""


class Lock:
    """The content of dvc.lock (schema 2.0, see DVC's "dvc.yaml Files").

    Raises:
        VersionsError: the file is not a lock file, for example after a merge conflict.
    """

    def __init__(self, path: Path = LOCK) -> None:
        try:
            content = yaml.safe_load(path.read_text(encoding="utf-8"))
            self._stages: list[Mapping[str, Any]] = list(content["stages"].values())
        except (OSError, UnicodeDecodeError, yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
            reason = str(error).splitlines()[0]
            raise VersionsError(
                f"{path}: not a lock file of DVC ({reason}); restore it: git checkout {path}"
            ) from error

    @property
    def studies(self) -> list[str]:
        """Names of the studies whose settings a stage depends on."""
        files = {Path(name) for stage in self._stages for name in stage.get("params", {})}
        return sorted(file.stem for file in files if layout.study_file(file.stem) == file.as_posix())

    def settings(self, study_file: str, output: str) -> dict[str, Any] | None:
        """The settings of a study that an output was made from; None if no stage made it."""
        for stage in self._stages:
            paths = [Path(out["path"]) for out in stage.get("outs", [])]
            if any(Path(output).is_relative_to(path) for path in paths):
                found = stage.get("params", {}).get(study_file)
                return dict(found) if found else None
        return None

    def input_changed(self, path: str) -> bool | None:
        """Whether a file that the stages were given differs from what it was; None for a file not listed."""
        for stage in self._stages:
            for dependency in stage.get("deps", []):
                if dependency["path"] == path and not dependency["md5"].endswith(".dir"):
                    return _md5(path) != dependency["md5"]
        return None


def _md5(path: str) -> str | None:
    try:
        content = Path(path).read_bytes()
    except OSError:
        return None
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
