"""Where DVC's metrics and plots of a study lie, and what they are made of."""

from __future__ import annotations

from ddpm.study import Study
from ddpm.study.dependencies import Inputs, artefact_inputs

METRICS = "{home}/metrics.json"
TRAINING_PLOT = "{home}/plots/training.csv"
PROGRESSIVE_PLOT = "{home}/plots/progressive.csv"
CHECKPOINTS_PLOT = "{home}/plots/checkpoints.csv"
METRICS_FILES = (METRICS, TRAINING_PLOT, PROGRESSIVE_PLOT, CHECKPOINTS_PLOT)

# Role: the artefacts that need the files of this role too, and what they call it.
_SOURCES = {
    "rows": (("table1", "table2", "text_numbers"), "rows"),
    "curves": (("training_curves",), "curves"),
    "progressive": (("figure10",), "rows"),
    "checkpoints": (("checkpoints",), "rows"),
}


def metrics_inputs(study: Study) -> Inputs:
    """Files by role: measurement `rows`, training `curves`, `progressive` rows, rows of `checkpoints`.

    Only what the study's tables and figures need anyway: metrics cost no computation of their own.
    """
    return {
        role: list(dict.fromkeys(_files(study, artefacts, there)))
        for role, (artefacts, there) in _SOURCES.items()
    }


def _files(study: Study, artefacts: tuple[str, ...], role: str) -> list[str]:
    chosen = [name for name in artefacts if name in study.artefacts.chosen]
    return [file for name in chosen for file in artefact_inputs(study, name)[role]]
