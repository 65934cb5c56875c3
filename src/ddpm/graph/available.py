"""What a study can build here: what has its data, weights and samples, or can fetch them."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ddpm.errors import DDPMError, StudyError
from ddpm.graph import dependencies, run_files
from ddpm.graph.sources import fetched_files
from ddpm.resources.locating import require_obtainable

if TYPE_CHECKING:
    from ddpm.study.settings import Study


@dataclasses.dataclass(frozen=True)
class Selection:
    """A study without what cannot be built here.

    Attributes:
        study: its settings, without those tables and figures.
        missing: why not, in a line, by the name of the table or figure.
    """

    study: Study
    missing: dict[str, str]

    @property
    def told(self) -> list[str]:
        """A line for each reason, with the tables and figures that it keeps from being built."""
        names: dict[str, list[str]] = {}
        for name, reason in self.missing.items():
            names.setdefault(reason, []).append(name)
        return [f"{', '.join(of_reason)}: {reason}" for reason, of_reason in names.items()]


def select(study: Study) -> Selection:
    """What of a study can be built here. What is built already needs no sources."""
    missing = {}
    for name in study.artefacts.chosen:
        if name != "comparison" and (reason := _missing(study, name)):
            missing[name] = reason
    if not missing:
        return Selection(study, {})
    artefacts = study.artefacts.model_copy(update=dict.fromkeys(missing))
    if "comparison" in artefacts.chosen and not artefacts.compared:
        missing["comparison"] = "none of the tables that it compares can be built"
        artefacts = artefacts.model_copy(update={"comparison": None})
    return Selection(study.model_copy(update={"artefacts": artefacts}), missing)


def _missing(study: Study, artefact: str) -> str:
    """Why a table or figure cannot be built; "" if it can."""
    for model in study.artefacts.models_of(artefact):
        if reason := next(_lacking(study, model), ""):
            inputs = dependencies.artefact_inputs(study, artefact)
            there = all(Path(file).exists() for files in inputs.values() for file in files)
            return "" if there else reason
    return ""


def _lacking(study: Study, model: str) -> Iterator[str]:
    """What keeps a model from being made, in a line each."""
    settings = study.model(model)
    for check in (
        lambda: fetched_files(study, settings.dataset),
        lambda: _require_weights(study, model),
        lambda: samples_of(study, model),
    ):
        try:
            check()
        except DDPMError as error:
            yield str(error)


def _require_weights(study: Study, model: str) -> None:
    settings = study.model(model)
    if settings.weights_of is not None:
        _require_weights(study, settings.weights_of)
    elif settings.pretrained is not None:
        require_obtainable([run_files.pretrained_file(study, model)])


def samples_of(study: Study, model: str) -> str | None:
    """The file or folder of others' samples that stand in a model's place; None for none.

    Raises:
        StudyError: it is not there.
    """
    samples = study.model(model).samples
    if samples is not None and not Path(samples).exists():
        raise StudyError(
            f"{study.file}: models.{model}.samples: {samples}: no such file or folder; give the path of an "
            ".npz file or of a folder of PNG files"
        )
    return samples
