"""Fingerprints: short hashes of exactly the settings that a step's result depends on.

The workflow passes them as `params`, so that a changed setting reruns what depends on it and
nothing else; they are also kept with weights, samples and measurements.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from typing import Any

from ddpm.errors import StudyError
from ddpm.graph import layout
from ddpm.study.base import Settings, is_runtime_only
from ddpm.study.settings import Study


def fingerprint(*parts: Any) -> str:
    """12 hexadecimal digits that change when one of the settings or values changes.

    Settings are reduced to the keys that change results (see `ddpm.study.base.RUNTIME_ONLY`) and whose values
    are not the defaults. So a key that a later version adds, with a default that does nothing, changes no
    fingerprint, and what is finished stays current. Hence a default must never be changed: results made under
    the old one would pass for those of the new (tests/study/test_fingerprint.py holds all of them).
    """
    content = json.dumps([_plain(part) for part in parts], sort_keys=True)
    return hashlib.sha256(content.encode()).hexdigest()[:12]


def _plain(part: Any) -> Any:
    if isinstance(part, Settings):
        fields = type(part).model_fields.items()
        values = {key: getattr(part, key) for key, field in fields if not is_runtime_only(field)}
        defaults = {key: field.default for key, field in fields if not field.is_required()}
        return {key: _plain(value) for key, value in values.items() if value != defaults.get(key, ...)}
    if isinstance(part, dict):
        return {key: _plain(value) for key, value in part.items()}
    if isinstance(part, list | tuple):
        return [_plain(value) for value in part]
    return part


def dataset_fingerprint(study: Study, dataset: str) -> str:
    """What a data set's files depend on."""
    return fingerprint("dataset", study.datasets[dataset])


def training_fingerprint(study: Study, model: str) -> str:
    """What a training run depends on: data, network, diffusion, training; not the other seeds."""
    settings = study.model(model)
    return fingerprint(
        "training", study.datasets[settings.dataset], settings.network, settings.diffusion, settings.training
    )


def continued_fingerprint(study: Study, model: str) -> str:
    """What a training run and its longer or shorter version have in common: all but the number of steps."""
    settings = study.model(model)
    training = settings.training.model_copy(update={"steps": 1})
    return fingerprint(
        "continued", study.datasets[settings.dataset], settings.network, settings.diffusion, training
    )


def weights_fingerprint(study: Study, model: str) -> str:
    """What the evaluated weights depend on: training, the choice among checkpoints, or their source."""
    settings = study.model(model)
    if settings.weights_of is not None:
        return weights_fingerprint(study, settings.weights_of)
    if settings.samples is not None:
        return fingerprint("samples", settings.samples)
    if settings.pretrained is not None:
        return fingerprint("pretrained", settings.network, settings.diffusion, settings.pretrained)
    if settings.checkpoints.evaluate == "last":
        return training_fingerprint(study, model)
    if settings.checkpoints.evaluate == "minimum_fid":
        measured = [checkpoint_fingerprint(study, model), settings.checkpoints.steps]
        return fingerprint("minimum FID", measured)
    return fingerprint("step", training_fingerprint(study, model), settings.checkpoints.evaluate)


def model_fingerprint(study: Study, model: str) -> str:
    """What a model with its evaluated weights depends on: they, and its own process if they are another's."""
    settings = study.model(model)
    weights = weights_fingerprint(study, model)
    if settings.weights_of is None:
        return weights
    return fingerprint("weights of another model", weights, settings.network, settings.diffusion)


def training_job_fingerprint(study: Study, model: str, kept: Sequence[int] | None = None) -> str:
    """What the files of a training job depend on: the run, and at which steps weights are kept.

    None for `kept` means those of the study.
    """
    kept = study.model(model).checkpoints.steps if kept is None else list(kept)
    run = training_fingerprint(study, model)
    return fingerprint("training job", run, kept) if kept else run


def checkpoint_fingerprint(study: Study, model: str) -> str:
    """What the FID of a checkpoint depends on."""
    checkpoints, sampling = study.model(model).checkpoints, study.sampling_of(model)
    # Of earlier versions, which had no overrides, what was measured stays current.
    overrides = [] if sampling.steps is sampling.variance is None else [sampling.steps, sampling.variance]
    return fingerprint(
        "checkpoint",
        training_fingerprint(study, model),
        features_fingerprint(study),
        study.quality,
        [sampling.batch_size, sampling.precision, *overrides],
        [checkpoints.images, checkpoints.seed],
        *_compared_with(study, study.model(model).dataset),
    )


def features_fingerprint(study: Study) -> str:
    """What the feature extractor depends on."""
    features = study.quality.features
    if features.kind != "classifier":
        return fingerprint("features", features)
    return fingerprint("features", study.datasets[features.dataset], features)


def sampling_fingerprint(study: Study, model: str) -> str:
    """What a model's samples depend on, its weights included."""
    return fingerprint(
        "sampling", model_fingerprint(study, model), study.sampling_of(model), study.keeps_progress(model)
    )


def quality_fingerprint(study: Study, model: str) -> str:
    """What a model's quality measurements depend on, its samples included."""
    return fingerprint(
        "quality",
        sampling_fingerprint(study, model),
        features_fingerprint(study),
        study.quality,
        *_compared_with(study, study.model(model).dataset),
    )


def _compared_with(study: Study, dataset: str) -> list[int]:
    """How many training images samples are compared with, where these are not all."""
    images = study.datasets[dataset].reference_images
    return [] if images is None else [images]


def respaced_fingerprint(study: Study, model: str) -> str:
    """What measurements of samples in other steps depend on, besides those steps and their variance."""
    return fingerprint(
        "respaced",
        model_fingerprint(study, model),
        features_fingerprint(study),
        study.quality,
        [study.sampling_of(model).batch_size, study.sampling.precision],
        [study.respaced_images(model), study.sampling_seeds(model)[0]],
        *_compared_with(study, study.model(model).dataset),
    )


def likelihood_fingerprint(study: Study, model: str) -> str:
    """What a model's bound depends on, its weights included."""
    return fingerprint("likelihood", model_fingerprint(study, model), study.likelihood)


def schedule_fingerprint(study: Study, model: str, schedule: str) -> str:
    """What a code depends on, the weights and the errors of the model included.

    Raises:
        StudyError: the study has no such code.
    """
    settings = study.compression
    if schedule not in settings.schedules:
        known = ", ".join(settings.schedules)
        raise StudyError(
            f"{study.file}: compression.schedules: no {schedule!r} (known: {known}); add it or name one"
        )
    return fingerprint(
        "schedule",
        likelihood_fingerprint(study, model),
        settings.schedules[schedule],
        [settings.training_images, settings.batch_size],
    )


def coding_fingerprint(study: Study, model: str, schedule: str) -> str:
    """What the files of a code depend on: the code, and how many test images are coded."""
    return fingerprint("coding", schedule_fingerprint(study, model, schedule), study.compression.images)


def chain_fingerprint(study: Study, figure: str) -> str:
    """What the chains of figures 2, 7, 8 and 9 depend on, the weights included."""
    model = study.artefacts.models_of(figure)[0]
    settings, sampling = study.artefacts.chosen[figure], study.sampling
    return fingerprint(
        "chain",
        model_fingerprint(study, model),
        settings,
        study.sampling_seeds(model)[0],
        sampling.precision,
    )


def reference_fingerprint(study: Study, dataset: str) -> str:
    """What the reference rows of a data set depend on."""
    return fingerprint(
        "reference",
        dataset_fingerprint(study, dataset),
        features_fingerprint(study),
        study.quality,
        *_compared_with(study, dataset),
    )


def neighbours_fingerprint(study: Study, figure: str) -> str:
    """What a figure of nearest neighbours depends on, samples and features included."""
    model = study.artefacts.models_of(figure)[0]
    return fingerprint(
        "neighbours",
        sampling_fingerprint(study, model),
        features_fingerprint(study),
        study.artefacts.chosen[figure],
    )


def report_fingerprint(study: Study) -> str:
    """What the report depends on: the title, tables and figures, and the names of the study's files."""
    return fingerprint("report", study.title, list(study.artefacts.chosen), list(study.files))


def artefact_fingerprint(study: Study, artefact: str) -> str:
    """What a table or figure depends on besides its inputs: its settings, and those of what it compares."""
    artefacts = study.artefacts
    compared = artefacts.compared if artefact == "comparison" else []
    settings = [artefacts.chosen[name] for name in [artefact, *compared]]
    return fingerprint(artefact, study.title, *settings)


# The fingerprint that results carry, and the wildcards that it is of.
_OF_RESULTS: dict[str, tuple[Callable[..., str], *tuple[str, ...]]] = {
    layout.CURVE: (training_fingerprint, "model"),
    layout.SAMPLES: (sampling_fingerprint, "model"),
    layout.CHAINS: (chain_fingerprint, "figure"),
    layout.NEIGHBOURS: (neighbours_fingerprint, "figure"),
    layout.BOUND_TERMS: (likelihood_fingerprint, "model"),
    layout.RATE_DISTORTION: (likelihood_fingerprint, "model"),
    layout.LIKELIHOOD_ROWS: (likelihood_fingerprint, "model"),
    layout.CHECKPOINT_ROWS: (checkpoint_fingerprint, "model"),
    layout.QUALITY_ROWS: (quality_fingerprint, "model"),
    layout.PROGRESSIVE_ROWS: (quality_fingerprint, "model"),
    layout.RESPACED_ROWS: (respaced_fingerprint, "model"),
    layout.REFERENCE_ROWS: (reference_fingerprint, "dataset"),
    layout.CODING_ROWS: (coding_fingerprint, "model", "schedule"),
    layout.PICTURES: (coding_fingerprint, "model", "schedule"),
}


def result_fingerprint(study: Study, file: str) -> str | None:
    """The fingerprint of a result that is of the study's settings; None for files that carry none."""
    pattern, wildcards = layout.match(file)
    if pattern not in _OF_RESULTS:
        return None
    of, *names = _OF_RESULTS[pattern]
    return of(study, *(wildcards[name] for name in names))
