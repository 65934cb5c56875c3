"""Names that must be those of a study: of its models, data sets, tables and figures."""

from __future__ import annotations

from collections.abc import Mapping

from ddpm.artefacts.artefact import Figure, Table, chosen_artefact
from ddpm.errors import StudyError, did_you_mean
from ddpm.study.settings import Study


def require_model(study: Study, model: str) -> str:
    """The model's name if the study has it.

    Raises:
        StudyError: it has not.
    """
    return _require(study, "model", model, study.models)


def require_names(study: Study, names: Mapping[str, str]) -> None:
    """Raises StudyError, which names what there is, for a name that the study does not have.

    Args:
        study: the study.
        names: by kind: `model`, `dataset`, `table` or `figure`; other kinds are left alone.
    """
    if "model" in names:
        require_model(study, names["model"])
    if "dataset" in names:
        _require(study, "data set", names["dataset"], study.datasets)
    if "table" in names:
        chosen_artefact(study, names["table"], Table)
    if "figure" in names:
        chosen_artefact(study, names["figure"], Figure)


def _require(study: Study, kind: str, name: str, known: Mapping[str, object]) -> str:
    if name not in known:
        raise StudyError(f"{study.file}: no {kind} is named {name!r}{did_you_mean(name, list(known))}")
    return name
