"""Rules of a study that span several of its parts."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.diffusion.schedule import unusable_schedule
from ddpm.errors import did_you_mean
from ddpm.study.artefact_checks import artefact_problems, sampling_key
from ddpm.study.base import Settings
from ddpm.study.compression_checks import unsuitable_codes
from ddpm.study.sampling_checks import sampling_problems
from ddpm.study.settings import NEEDS_JUDGE, Study
from ddpm.study.yaml_file import Keys

Problems = Iterator[tuple[Keys, str]]


def problems(study: Study) -> list[tuple[Keys, str]]:
    """All problems of a study whose models are merged with the defaults; empty if it is sound.

    Returns:
        for each problem the keys of the setting, and a message that names the remedy.
    """
    # The other checks follow names, so they wait until the names are right.
    return list(_unknown_names(study)) or [
        *_unusable_weights(study),
        *_unsuitable_networks(study),
        *_unusable_schedules(study),
        *sampling_problems(study),
        *artefact_problems(study),
        *_too_few_compared(study),
        *_missing_judge(study),
        *_judge_of_other_images(study),
        *_reused_seeds(study),
        *unsuitable_codes(study),
    ]


def _unknown_names(study: Study) -> Problems:
    known = {"data set": list(study.datasets), "model": list(study.models)}
    for keys, kind, used in _used_names(study):
        if used not in known[kind]:
            yield keys, f"no {kind} is named {used!r}{did_you_mean(used, known[kind])}"


def _used_names(study: Study) -> Iterator[tuple[Keys, str, str]]:
    """Where a data set or model is named: keys, which of the two, name."""
    for name in study.models:
        yield ("models", name, "dataset"), "data set", study.model(name).dataset
    for name in study.models:
        if (source := study.model(name).weights_of) is not None:
            yield ("models", name, "pretrained", "model"), "model", source
    if study.quality.features.kind == "classifier":
        yield ("quality", "features", "dataset"), "data set", study.quality.features.dataset
    for artefact in study.artefacts.chosen:
        for model in study.artefacts.models_of(artefact):
            yield ("artefacts", artefact), "model", model


def _unusable_weights(study: Study) -> Problems:
    """Models that take the weights of another model which do not fit them."""
    for name in study.models:
        source = study.model(name).weights_of
        if source is not None and (reason := _unusable(study, name, source)):
            yield ("models", name, "pretrained", "model"), reason


def _unusable(study: Study, name: str, source: str) -> str:
    """Why a model cannot use the weights of another; "" if it can."""
    model, other = study.model(name), study.model(source)
    if other.samples is not None:
        return f"{source} has others' samples (`samples`) and no weights; name another model"
    if source == name:
        return "a model cannot take its own weights; name another, or remove `pretrained`"
    if other.weights_of is not None:
        return (
            f"{source} takes its weights from {other.weights_of} itself; name a model with weights of its own"
        )
    fixed = ["timesteps", "schedule", "beta_start", "beta_end", "prediction"]
    if "learned" in (model.diffusion.variance, other.diffusion.variance):
        fixed.append("variance")
    differing = [f"diffusion.{key}" for key in _differing(model.diffusion, other.diffusion, fixed)]
    differing += _differing(model, other, ["network", "dataset"])
    if differing:
        return f"{source} differs in {', '.join(differing)}; only a fixed `diffusion.variance` may be another"
    if missing := [seed for seed in model.seeds if seed not in other.seeds]:
        return f"{source} has no seed {missing[0]}, only {other.seeds}; change `seeds` of one of them"
    return ""


def _differing(one: Settings, other: Settings, keys: list[str]) -> list[str]:
    return [key for key in keys if getattr(one, key) != getattr(other, key)]


def _unsuitable_networks(study: Study) -> Problems:
    """Networks with more levels than the images can be halved, or attention where there is no level."""
    for name in study.models:
        settings = study.model(name)
        if settings.samples is not None:
            continue
        _, height, _ = study.datasets[settings.dataset].image_shape
        levels = len(settings.network.channel_multipliers)
        network = ("models", name, "network")
        if height % (divisor := 2 ** (levels - 1)):
            yield (
                (*network, "channel_multipliers"),
                f"{levels} levels need an image height divisible by {divisor}, but {settings.dataset} has "
                f"{height}; use fewer levels",
            )
        resolutions = [height // 2**level for level in range(levels)]
        for wanted in settings.network.attention_resolutions:
            if wanted not in resolutions:
                reason = f"the network has no resolution {wanted}, only {resolutions}"
                yield (*network, "attention_resolutions"), reason


def _unusable_schedules(study: Study) -> Problems:
    """Schedules whose coefficients are not finite, or by which a prediction cannot be turned into x_0."""
    for name in study.models:
        settings = study.model(name).diffusion
        schedule = (settings.schedule, settings.beta_start, settings.beta_end, settings.timesteps)
        if reason := unusable_schedule(settings.prediction, *schedule):
            yield ("models", name, "diffusion", "schedule"), reason


def _too_few_compared(study: Study) -> Problems:
    """Sets of fewer than two images, which no FID can be of."""
    reason = "is too few for FID and the other measures, which compare at least 2 images; raise it"
    judged = study.judged_models
    for model in judged:
        if (images := study.sampling_of(model).images) < 2:
            yield tuple(sampling_key(study, model).split(".")), f"{images} {reason}"
        checkpoints = study.model(model).checkpoints
        if checkpoints.images < 2:
            yield ("models", model, "checkpoints", "images"), f"{checkpoints.images} {reason}"
    for name in dict.fromkeys(study.model(model).dataset for model in judged):
        settings = study.datasets[name]
        for split, images in getattr(settings, "split_sizes", {}).items():
            if images < 2 and (split == "train" or settings.has_test_images):
                key = f"{split}_images" if settings.has_test_images else "images"
                yield ("datasets", name, key), f"{images} {reason}"


def _missing_judge(study: Study) -> Problems:
    """What is measured by features of images, where the study names none."""
    if study.is_judged:
        return
    reason = "needs features of images, and quality.features.kind is none; name a classifier or inception"
    for name in study.artefacts.chosen:
        if name in NEEDS_JUDGE:
            yield ("artefacts", name), f"{reason}, or remove it"
    for model in study.models:
        if study.model(model).checkpoints.evaluate == "minimum_fid":
            yield ("models", model, "checkpoints", "evaluate"), f"minimum_fid {reason}, or `evaluate: last`"


def _judge_of_other_images(study: Study) -> Problems:
    """Models whose samples have another shape than the images that the classifier is trained on."""
    features = study.quality.features
    if features.kind != "classifier":
        return
    taken = study.datasets[features.dataset].image_shape
    for model in study.judged_models:
        name = study.model(model).dataset
        if (shape := study.datasets[name].image_shape) != taken:
            yield (
                ("quality", "features", "dataset"),
                f"the images of {features.dataset} are {_size(taken)}, but those of {name}, which {model} is "
                f"measured by, {_size(shape)}; name a data set of that shape, or use Inception's features",
            )


def _size(shape: tuple[int, int, int]) -> str:
    channels, height, width = shape
    return f"{height}x{width} pixels of {channels} channel{'s' if channels > 1 else ''}"


def _reused_seeds(study: Study) -> Problems:
    """Checkpoints chosen by the very samples that are evaluated would be judged too well."""
    for model in study.models:
        if (seed := study.model(model).checkpoints.seed) in study.sampling_seeds(model):
            keys = ("models", model, "checkpoints", "seed")
            yield keys, f"{seed} is a seed of its samples too; use another"
