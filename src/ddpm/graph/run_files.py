"""The files of training runs: weights, samples, terms of the bound, measurements."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.network.published.places import Place, find

if TYPE_CHECKING:
    from ddpm.study.settings import Study


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


def training_runs(study: Study, models: Iterable[str]) -> list[dict[str, Any]]:
    """Every training run of the models: model and seed."""
    return [{"model": model, "seed": seed} for model in models for seed in study.model(model).seeds]


def first_run(study: Study, model: str) -> dict[str, Any]:
    """A model's training run of its first seed."""
    return {"model": model, "seed": study.model(model).seeds[0]}


def checkpoint_rows(study: Study, model: str, seed: object) -> list[str]:
    """FID measurements of all checkpoints of a training run, in order of their steps."""
    steps = study.model(model).candidates
    return [fill(layout.CHECKPOINT_ROWS, study, model=model, seed=seed, step=step) for step in steps]


def sample_shards(study: Study, model: str, seed: object, sampling: object) -> list[str]:
    """All shards of one set of samples, in order."""
    run = {"model": model, "seed": seed, "sampling": sampling}
    return [
        fill(layout.SAMPLES, study, **run, shard=shard) for shard in range(study.sampling_of(model).shards)
    ]


def first_shards(study: Study, model: str, images: int) -> list[str]:
    """The shards that hold so many of a model's first samples."""
    sampling = study.sampling_of(model)
    per_shard = sampling.batch_size * sampling.batches_per_shard
    run = first_run(study, model)
    return sample_shards(study, **run, sampling=study.sampling_seeds(model)[0])[: -(-images // per_shard)]


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


def fill(pattern: str, study: Study, **names: object) -> str:
    """A pattern of `ddpm.graph.layout` filled in for a study."""
    return pattern.format(home=layout.home(study.name), **names)
