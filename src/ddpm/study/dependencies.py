"""Which files each table and figure is made of: the workflow's edges, named by role."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import PurePosixPath
from typing import Any

from ddpm.study import layout
from ddpm.study.artefacts import ChainsSettings, GridSettings
from ddpm.study.settings import Study

Inputs = dict[str, list[str]]
PUBLISHED = "config/published.csv"
_WITHOUT_RULE = {PurePosixPath(pattern).name for pattern in (layout.WEIGHTS, layout.CURVE)}
# Role: the artefacts that need the files of this role too, and what they call it.
_METRICS = {
    "rows": (("table1", "table2", "text_numbers"), "rows"),
    "curves": (("training_curves",), "curves"),
    "progressive": (("figure10",), "rows"),
    "checkpoints": (("checkpoints",), "rows"),
}


def artefact_inputs(study: Study, artefact: str) -> Inputs:
    """The files that a table or figure is made of, by role.

    Raises:
        KeyError: the study does not build this artefact.
    """
    models = study.artefacts.models_of(artefact)
    if artefact in ("table1", "table2"):
        return _quality_table_inputs(study, artefact, models)
    if artefact == "text_numbers":
        return {
            "rows": _quality_rows(study, models) + _likelihood_rows(study, models[:1]),
            "published": [PUBLISHED],
        }
    if artefact == "comparison":
        return _comparison_inputs(study)
    if artefact in ("table4", "figure5"):
        first = _first_seed(study, models[0])
        return {
            "rate_distortion": [_fill(layout.RATE_DISTORTION, study, **first, split="test")],
            "published": [PUBLISHED],
        }
    if artefact in ("figure1", "figure6", "figure13", "figure14"):
        return {"samples": _first_shards(study, artefact, models[0])}
    if artefact == "figure10":
        first = {**_first_seed(study, models[0]), "sampling": study.sampling_seeds(models[0])[0]}
        return {"rows": [_fill(layout.PROGRESSIVE_ROWS, study, **first)], "published": [PUBLISHED]}
    if artefact == "figure15":
        return {"neighbours": [_fill(layout.NEIGHBOURS, study, figure=artefact)]}
    if artefact == "training_curves":
        return {"curves": [_fill(layout.CURVE, study, **run) for run in training_runs(study, models)]}
    if artefact == "checkpoints":
        return {
            "rows": [file for run in training_runs(study, models) for file in checkpoint_rows(study, **run)]
        }
    return {"chains": [_fill(layout.CHAINS, study, figure=artefact)]}


def artefact_files(study: Study) -> list[str]:
    """All tables and figures of a study: CSV, PNG and PDF."""
    tables = [_fill(layout.TABLE, study, table=table) for table in study.artefacts.tables]
    figures = [
        _fill(pattern, study, figure=figure)
        for figure in study.artefacts.figures
        for pattern in (layout.FIGURE_PNG, layout.FIGURE_PDF)
    ]
    return tables + figures


def chain_inputs(study: Study, figure: str) -> list[str]:
    """What the chains of figures 2, 7, 8 and 9 start from: weights, and the data set for its images."""
    model = study.artefacts.models_of(figure)[0]
    dataset = study.model(model).dataset
    return [
        awaited(weights_file(study, **_first_seed(study, model))),
        _fill(layout.MANIFEST, study, dataset=dataset),
    ]


def weights_file(study: Study, model: str, seed: object) -> str:
    """The weights of a training run that are evaluated: trained, chosen, imported, or another model's."""
    settings = study.model(model)
    if settings.weights_of is not None:
        return weights_file(study, settings.weights_of, seed)
    pattern = layout.WEIGHTS if settings.checkpoints.evaluate == "last" else layout.CHOSEN
    pattern = pattern if settings.pretrained is None else layout.IMPORTED
    return _fill(pattern, study, model=model, seed=seed)


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
    return [_fill(layout.CHECKPOINT_ROWS, study, model=model, seed=seed, step=step) for step in steps]


def choice_inputs(study: Study, model: str, seed: object) -> list[str]:
    """What the choice among a run's checkpoints is made from, besides the weights themselves."""
    return (
        checkpoint_rows(study, model, seed)
        if study.model(model).checkpoints.evaluate == "minimum_fid"
        else []
    )


def features_file(study: Study) -> str:
    """The weights of the feature extractor: the trained classifier's, or Inception's."""
    features = study.quality.features
    return features.weights if features.kind == "inception" else _fill(layout.FEATURES, study)


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


def dataset_inputs(study: Study, dataset: str) -> list[str]:
    """Files and folders that a data set is read from; none for one that a library carries."""
    settings = study.datasets[dataset]
    if settings.source == "cifar10":
        return [settings.archive]
    return [settings.train, settings.test] if settings.source == "image_folder" else []


def neighbours_inputs(study: Study, figure: str) -> list[str]:
    """The samples whose nearest training images a figure shows, and the data set."""
    model = study.artefacts.models_of(figure)[0]
    dataset = study.model(model).dataset
    shards = sample_shards(study, model, study.model(model).seeds[0], study.sampling_seeds(model)[0])
    return [*shards, _fill(layout.MANIFEST, study, dataset=dataset)]


def training_runs(study: Study, models: Iterable[str]) -> list[dict[str, Any]]:
    """Every training run of the models: model and seed."""
    return [{"model": model, "seed": seed} for model in models for seed in study.model(model).seeds]


def sample_shards(study: Study, model: str, seed: object, sampling: object) -> list[str]:
    """All shards of one set of samples, in order."""
    run = {"model": model, "seed": seed, "sampling": sampling}
    return [_fill(layout.SAMPLES, study, **run, shard=shard) for shard in range(study.sampling.shards)]


def bound_shards(study: Study, model: str, seed: object, split: str) -> list[str]:
    """All shards of the bound over a split, in order."""
    settings = study.model(model)
    images = study.likelihood.evaluated(study.datasets[settings.dataset].split_sizes[split])
    run = {"model": model, "seed": seed, "split": split}
    shards = study.likelihood.shards(images, settings.diffusion.timesteps)
    return [_fill(layout.BOUND_TERMS, study, **run, shard=shard) for shard in range(shards)]


def _quality_table_inputs(study: Study, table: str, models: list[str]) -> Inputs:
    likelihood = _likelihood_rows(study, models) if table == "table1" else []
    datasets = sorted({study.model(model).dataset for model in models})
    reference = [_fill(layout.REFERENCE_ROWS, study, dataset=dataset) for dataset in datasets]
    return {
        "rows": _quality_rows(study, models) + likelihood,
        "reference": reference,
        "published": [PUBLISHED],
    }


def _quality_rows(study: Study, models: list[str]) -> list[str]:
    return [
        _fill(layout.QUALITY_ROWS, study, **run, sampling=sampling)
        for run in training_runs(study, dict.fromkeys(models))
        for sampling in study.sampling_seeds(run["model"])
    ]


def _likelihood_rows(study: Study, models: list[str]) -> list[str]:
    return [
        _fill(layout.LIKELIHOOD_ROWS, study, **run, split=split)
        for run in training_runs(study, dict.fromkeys(models))
        for split in ("test", "train")
    ]


def _comparison_inputs(study: Study) -> Inputs:
    """The rows of all compared tables, each file once, and Table 4's curve."""
    tables = [artefact_inputs(study, table) for table in study.artefacts.compared]
    roles: Inputs = {"rows": [], "rate_distortion": [], "published": [PUBLISHED]}
    for role in ("rows", "rate_distortion"):
        roles[role] = list(dict.fromkeys(file for inputs in tables for file in inputs.get(role, [])))
    return roles


def _first_shards(study: Study, artefact: str, model: str) -> list[str]:
    """The shards that hold the first images that a grid shows."""
    settings = study.artefacts.chosen[artefact]
    images = settings.rows * settings.columns if isinstance(settings, GridSettings) else 0
    images = settings.rows if isinstance(settings, ChainsSettings) else images
    per_shard = study.sampling.batch_size * study.sampling.batches_per_shard
    first = _first_seed(study, model)
    return sample_shards(study, model, first["seed"], study.sampling_seeds(model)[0])[
        : -(-images // per_shard)
    ]


def _first_seed(study: Study, model: str) -> dict[str, Any]:
    return {"model": model, "seed": study.model(model).seeds[0]}


def _fill(pattern: str, study: Study, **names: object) -> str:
    return pattern.format(home=layout.home(study.name), **names)
