"""Which files each table and figure is made of: the workflow's edges, named by role."""

from __future__ import annotations

import os
from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any

from ddpm.bundled import bundled
from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.network.published.places import Place, find

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


def weights_file(study: Study, model: str, seed: object) -> str:
    """The weights of a training run that are evaluated: trained, chosen, imported, or another model's.

    Raises:
        StudyError: others' samples stand in the model's place.
    """
    settings = study.model(model)
    if settings.samples is not None:
        raise StudyError(
            f"{study.file}: models.{model}: others' samples (`samples`) stand in its place, so it has no "
            "weights; name another model"
        )
    if settings.weights_of is not None:
        return weights_file(study, settings.weights_of, seed)
    pattern = layout.WEIGHTS if settings.checkpoints.evaluate == "last" else layout.CHOSEN
    pattern = pattern if settings.pretrained is None else layout.IMPORTED
    return fill(pattern, study, model=model, seed=seed)


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


def checkpoint_rows(study: Study, model: str, seed: object) -> list[str]:
    """FID measurements of all checkpoints of a training run, in order of their steps."""
    steps = study.model(model).candidates
    return [fill(layout.CHECKPOINT_ROWS, study, model=model, seed=seed, step=step) for step in steps]


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


def pretrained_file(study: Study, model: str) -> str:
    """Where the published weights of a model lie: fetched from Hugging Face, or as the study says.

    Raises:
        ValueError: the model is trained, or uses another model's weights.
    """
    source = study.model(model).pretrained
    if source is None or source.model is not None:
        raise ValueError(f"{model} has no published weights")
    if source.file is not None:
        return source.file
    return layout.HUGGING_FACE.format(
        repository=source.repository, revision=source.revision, file=source.repository_file
    )


def pretrained_place(study: Study, model: str) -> Place | None:
    """The weights at a path of the study's own that a model imports; None where they are fetched first.

    Raises:
        ValueError: as `pretrained_file`.
        WeightsError: as `ddpm.network.published.places.find`.
    """
    file, source = pretrained_file(study, model), study.model(model).pretrained
    if source is None or source.file is None or not os.path.exists(file):
        return None
    return find(file, source.averaged)


def neighbours_inputs(study: Study, figure: str) -> list[str]:
    """The samples whose nearest training images a figure shows, and the data set."""
    model = study.artefacts.models_of(figure)[0]
    dataset = study.model(model).dataset
    shards = sample_shards(study, model, study.model(model).seeds[0], study.sampling_seeds(model)[0])
    return [*shards, fill(layout.MANIFEST, study, dataset=dataset)]


def training_runs(study: Study, models: Iterable[str]) -> list[dict[str, Any]]:
    """Every training run of the models: model and seed."""
    return [{"model": model, "seed": seed} for model in models for seed in study.model(model).seeds]


def sample_shards(study: Study, model: str, seed: object, sampling: object) -> list[str]:
    """All shards of one set of samples, in order."""
    run = {"model": model, "seed": seed, "sampling": sampling}
    return [
        fill(layout.SAMPLES, study, **run, shard=shard) for shard in range(study.sampling_of(model).shards)
    ]


def bound_shards(study: Study, model: str, seed: object, split: str) -> list[str]:
    """All shards of the bound over a split, in order."""
    # A study imports this module through its artefacts.
    from ddpm.graph.sources import split_sizes

    settings = study.model(model)
    images = study.likelihood.evaluated(split_sizes(study, settings.dataset)[split])
    run = {"model": model, "seed": seed, "split": split}
    shards = study.likelihood.shards(images, settings.diffusion.timesteps)
    return [fill(layout.BOUND_TERMS, study, **run, shard=shard) for shard in range(shards)]


def quality_rows(study: Study, models: Iterable[str]) -> list[str]:
    """Quality measurements of all training runs and samples of the models."""
    return [
        fill(layout.QUALITY_ROWS, study, **run, sampling=sampling)
        for run in training_runs(study, dict.fromkeys(models))
        for sampling in study.sampling_seeds(run["model"])
    ]


def likelihood_rows(study: Study, models: Iterable[str]) -> list[str]:
    """Measurements of the bound of all training runs of the models, on the splits that there are."""
    with_weights = [name for name in dict.fromkeys(models) if study.model(name).samples is None]
    return [
        fill(layout.LIKELIHOOD_ROWS, study, **run, split=split)
        for run in training_runs(study, with_weights)
        for split in ("test", "train")
        if split == "train" or study.datasets[study.model(run["model"]).dataset].has_test_images
    ]


def reference_rows(study: Study, models: Iterable[str]) -> list[str]:
    """Measurements of real images and noise of the models' data sets."""
    datasets = sorted({study.model(model).dataset for model in models})
    return [fill(layout.REFERENCE_ROWS, study, dataset=dataset) for dataset in datasets]


def rate_distortion(study: Study, model: str) -> list[str]:
    """The rate-distortion curve on the test split of a model's first training seed."""
    return [fill(layout.RATE_DISTORTION, study, **first_run(study, model), split="test")]


def first_shards(study: Study, model: str, images: int) -> list[str]:
    """The shards that hold so many of a model's first samples."""
    sampling = study.sampling_of(model)
    per_shard = sampling.batch_size * sampling.batches_per_shard
    run = first_run(study, model)
    return sample_shards(study, **run, sampling=study.sampling_seeds(model)[0])[: -(-images // per_shard)]


def first_run(study: Study, model: str) -> dict[str, Any]:
    """A model's training run of its first seed."""
    return {"model": model, "seed": study.model(model).seeds[0]}


def fill(pattern: str, study: Study, **names: object) -> str:
    """A pattern of `ddpm.graph.layout` filled in for a study."""
    return pattern.format(home=layout.home(study.name), **names)
