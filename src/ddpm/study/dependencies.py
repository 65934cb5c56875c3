"""Which files each table and figure is made of: the workflow's edges, named by role."""

from __future__ import annotations

from collections.abc import Iterable

from ddpm.study import layout
from ddpm.study.artefacts import ChainsSettings, GridSettings
from ddpm.study.settings import Study

Inputs = dict[str, list[str]]
PUBLISHED = "config/published.csv"


def artefact_inputs(study: Study, artefact: str) -> Inputs:
    """The files that a table or figure is made of, by role.

    Raises:
        KeyError: the study does not build this artefact.
    """
    models = study.artefacts.models_of(artefact)
    if artefact in ("table1", "table2"):
        return _quality_table_inputs(study, artefact, models)
    if artefact in ("table4", "figure5"):
        first = _first_seed(study, models[0])
        return {
            "rate_distortion": [_fill(layout.RATE_DISTORTION, study, **first, split="test")],
            "published": [PUBLISHED],
        }
    if artefact in ("figure1", "figure6", "figure13", "figure14"):
        return {"samples": _first_shards(study, artefact, models[0])}
    if artefact == "figure10":
        first = {**_first_seed(study, models[0]), "sampling": study.sampling.seeds[0]}
        return {"rows": [_fill(layout.PROGRESSIVE_ROWS, study, **first)], "published": [PUBLISHED]}
    if artefact == "figure15":
        return {"neighbours": [_fill(layout.NEIGHBOURS, study, figure=artefact)]}
    if artefact == "training_curves":
        return {"curves": [_fill(layout.CURVE, study, **run) for run in training_runs(study, models)]}
    return {"chains": [_fill(layout.CHAINS, study, figure=artefact)]}


def training_runs(study: Study, models: Iterable[str]) -> list[dict[str, object]]:
    """Every training run of the models: model and seed."""
    return [{"model": model, "seed": seed} for model in models for seed in study.model(model).seeds]


def sample_shards(study: Study, model: str, seed: int, sampling: int) -> list[str]:
    """All shards of one set of samples, in order."""
    run = {"model": model, "seed": seed, "sampling": sampling}
    return [_fill(layout.SAMPLES, study, **run, shard=shard) for shard in range(study.sampling.shards)]


def _quality_table_inputs(study: Study, table: str, models: list[str]) -> Inputs:
    runs = training_runs(study, models)
    quality = [
        _fill(layout.QUALITY_ROWS, study, **run, sampling=sampling)
        for run in runs
        for sampling in study.sampling.seeds
    ]
    rows = quality
    if table == "table1":
        likelihood = [
            _fill(layout.LIKELIHOOD_ROWS, study, **run, split=split) for run in runs for split in ("test", "train")
        ]
        rows = quality + likelihood
    datasets = sorted({study.model(model).dataset for model in models})
    reference = [_fill(layout.REFERENCE_ROWS, study, dataset=dataset) for dataset in datasets]
    return {"rows": rows, "reference": reference, "published": [PUBLISHED]}


def _first_shards(study: Study, artefact: str, model: str) -> list[str]:
    """The shards that hold the first images that a grid shows."""
    settings = study.artefacts.chosen[artefact]
    images = settings.rows * settings.columns if isinstance(settings, GridSettings) else 0
    images = settings.rows if isinstance(settings, ChainsSettings) else images
    per_shard = study.sampling.batch_size * study.sampling.batches_per_shard
    first = _first_seed(study, model)
    return sample_shards(study, model, first["seed"], study.sampling.seeds[0])[: -(-images // per_shard)]


def _first_seed(study: Study, model: str) -> dict[str, object]:
    return {"model": model, "seed": study.model(model).seeds[0]}


def _fill(pattern: str, study: Study, **names: object) -> str:
    return pattern.format(home=layout.home(study.name), **names)
