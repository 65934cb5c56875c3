"""Which files each table and figure is made of: the workflow's edges, named by role."""

from __future__ import annotations

import os
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from ddpm.bundled import bundled
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.graph.run_files import checkpoint_rows, fill, first_run, first_shards, sample_shards, weights_file

if TYPE_CHECKING:
    from ddpm.study.settings import Study

Inputs = dict[str, list[str]]
PUBLISHED = "config/published.csv"
_WITHOUT_RULE = {PurePosixPath(pattern).name for pattern in (layout.WEIGHTS, layout.CURVE)}
# Role: the artefacts that need the files of this role too, and what they call it.
_METRICS = {
    "rows": (("models", "table1", "table2", "text_numbers"), "rows"),
    "curves": (("training_curves",), "curves"),
    "progressive": (("figure10",), "rows"),
    "checkpoints": (("checkpoints",), "rows"),
}


def artefact_inputs(study: Study, artefact: str) -> Inputs:
    """The files that a table or figure is made of, by role.

    Raises:
        KeyError: the study does not build this artefact.
    """
    settings = study.artefacts.chosen[artefact]
    [defined] = [found for found in study.artefacts.definitions if found.name == artefact]
    inputs = defined.inputs(study, settings)
    return {
        role: [published_file() if file == PUBLISHED else file for file in files]
        for role, files in inputs.items()
    }


def published_file() -> str:
    """The published numbers: config/published.csv, or the copy that an installed package has."""
    return str(bundled(PUBLISHED))


def artefact_files(study: Study) -> list[str]:
    """All tables and figures of a study: CSV, PNG and PDF."""
    tables = [fill(layout.TABLE, study, table=table) for table in study.artefacts.tables]
    figures = [
        fill(pattern, study, figure=figure)
        for figure in study.artefacts.figures
        for pattern in (layout.FIGURE_PNG, layout.FIGURE_PDF)
    ]
    return tables + figures


def report_files(study: Study) -> list[str]:
    """What the report is made of, tables and figures above all."""
    expected = expected_file(study)
    return [
        *artefact_files(study),
        *(fill(pattern, study) for pattern in (layout.HEADLINE, layout.MADE_FROM)),
        *(file for model, count in shown_first(study).items() for file in first_shards(study, model, count)),
        *([expected] if os.path.exists(expected) else []),
    ]


def expected_file(study: Study) -> str:
    """Where the numbers stand that are expected of a study, if there are any."""
    return f"config/expected/{study.name}.csv"


def shown_first(study: Study, most: int = 16) -> dict[str, int]:
    """How many samples of which model head the report: of the first figure that shows samples; else none."""
    for settings in study.artefacts.chosen.values():
        for model, count in settings.shown_samples.items():
            return {model: min(count, most)}
    return {}


def chain_inputs(study: Study, figure: str) -> list[str]:
    """What the chains of figures 2, 7, 8 and 9 start from: weights, and the data set for its images."""
    model = study.artefacts.models_of(figure)[0]
    dataset = study.model(model).dataset
    return [
        awaited(weights_file(study, **first_run(study, model))),
        fill(layout.MANIFEST, study, dataset=dataset),
    ]


def awaited(file: str) -> str:
    """The file that the workflow waits for: for weights and curve of a training run, the run's receipt."""
    path = PurePosixPath(file)
    if path.name in _WITHOUT_RULE:
        return str(path.with_name(PurePosixPath(layout.RECEIPT).name))
    return file


def awaited_inputs(inputs: Inputs) -> Inputs:
    """`awaited` for all files of all roles."""
    return {role: [awaited(file) for file in files] for role, files in inputs.items()}


def metrics_inputs(study: Study) -> Inputs:
    """Files by role: measurement `rows`, training `curves`, `progressive` rows, rows of `checkpoints`.

    Only what the study's tables and figures need anyway: metrics cost no computation of their own.
    """
    chosen = {name: artefact_inputs(study, name) for name in study.artefacts.chosen}
    return {
        role: list(dict.fromkeys(file for name in names if name in chosen for file in chosen[name][there]))
        for role, (names, there) in _METRICS.items()
    }


def choice_inputs(study: Study, model: str, seed: object) -> list[str]:
    """What the choice among a run's checkpoints is made from, besides the weights themselves."""
    return (
        checkpoint_rows(study, model, seed)
        if study.model(model).checkpoints.evaluate == "minimum_fid"
        else []
    )


def features_file(study: Study) -> str:
    """The weights of the feature extractor: the trained classifier's, or Inception's.

    Raises:
        StudyError: the study names no features.
    """
    features = study.quality.features
    if features.kind == "none":
        raise StudyError(f"{study.file}: quality.features.kind is none: nothing judges samples; name a kind")
    return features.weights if features.kind == "inception" else fill(layout.FEATURES, study)


def neighbours_inputs(study: Study, figure: str) -> list[str]:
    """The samples whose nearest training images a figure shows, and the data set."""
    model = study.artefacts.models_of(figure)[0]
    dataset = study.model(model).dataset
    shards = sample_shards(study, model, study.model(model).seeds[0], study.sampling_seeds(model)[0])
    return [*shards, fill(layout.MANIFEST, study, dataset=dataset)]
