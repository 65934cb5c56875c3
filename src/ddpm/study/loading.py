"""From a study file to a checked Study: layers and defaults merged, every error with file, line and key."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from ddpm.errors import StudyError
from ddpm.study import layout
from ddpm.study.checks import problems
from ddpm.study.layers import StudyFile, merge
from ddpm.study.models import ModelSettings
from ddpm.study.settings import Study
from ddpm.study.validation_report import report


def load_study(path: str | Path) -> Study:
    """Reads and checks a study file.

    Raises:
        StudyError: with all problems found: file, line, key, reason.
    """
    path = Path(path)
    _check_name(path)
    file = StudyFile(path)
    try:
        study = Study.model_validate(file.content)
    except ValidationError as error:
        raise StudyError(report(file, file.content, error, Study)) from None
    study._name, study._file = path.stem, str(path)
    for name in study.models:
        study._resolved[name] = _merged_model(file, name)
    if found := problems(file, study):
        raise StudyError("\n".join(found))
    return study


def _check_name(path: Path) -> None:
    if not layout.is_study_name(path.stem):
        raise StudyError(
            f"{path}: a study cannot be named {path.stem!r}: it names the folder of its results; rename the "
            f"file (letters, digits, - and _; none of {', '.join(sorted(layout.RESERVED_NAMES))})"
        )


def _merged_model(file: StudyFile, name: str) -> ModelSettings:
    merged = merge(file.content.get("defaults") or {}, file.content["models"][name] or {})
    try:
        return ModelSettings.model_validate(merged)
    except ValidationError as error:
        raise StudyError(report(file, merged, error, ModelSettings, ("models", name))) from None
