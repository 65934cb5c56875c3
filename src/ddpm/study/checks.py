"""Rules of a study that span several of its parts; each problem names file, line, key and remedy."""

from __future__ import annotations

from ddpm.study.base import Settings
from ddpm.study.fingerprint import keeps_progress
from ddpm.study.layers import StudyFile
from ddpm.study.settings import Study
from ddpm.study.yaml_file import did_you_mean


def problems(file: StudyFile, study: Study) -> list[str]:
    """All problems of a study whose models are merged with the defaults; empty if it is sound."""
    names = _unknown_names(file, study)
    # The other checks follow names, so they wait until the names are right.
    return names or [
        *_unusable_weights(file, study),
        *_unsuitable_networks(file, study),
        *_impossible_times(file, study),
        *_too_few_samples(file, study),
        *_untrained_models(file, study),
        *_unusual_images(file, study),
        *_reused_seeds(file, study),
    ]


def _unknown_names(file: StudyFile, study: Study) -> list[str]:
    uses = [(("models", name, "dataset"), study.model(name).dataset, "data set") for name in study.models]
    for name in study.models:
        if (source := study.model(name).weights_of) is not None:
            uses.append((("models", name, "pretrained", "model"), source, "model"))  # type: ignore[arg-type]
    if study.quality.features.kind == "classifier":
        uses.append((("quality", "features", "dataset"), study.quality.features.dataset, "data set"))
    for artefact in study.artefacts.chosen:
        for model in study.artefacts.models_of(artefact):
            uses.append((("artefacts", artefact), model, "model"))  # type: ignore[arg-type]
    known = {"data set": list(study.datasets), "model": list(study.models)}
    return [
        f"{file.where(keys)}: {'.'.join(keys)}: no {kind} is named {used!r}{did_you_mean(used, known[kind])}"
        for keys, used, kind in uses
        if used not in known[kind]
    ]


def _unsuitable_networks(file: StudyFile, study: Study) -> list[str]:
    return [problem for name in study.models for problem in _unsuitable_network(file, study, name)]


def _unsuitable_network(file: StudyFile, study: Study, model: str) -> list[str]:
    settings = study.model(model)
    _, height, _ = study.datasets[settings.dataset].image_shape
    levels = len(settings.network.channel_multipliers)
    found = []
    if height % 2 ** (levels - 1):
        key = ("models", model, "network", "channel_multipliers")
        found.append(
            f"{file.where(key)}: {'.'.join(key)}: {levels} levels need an image height divisible by "
            f"{2 ** (levels - 1)}, but {settings.dataset} has {height}; use fewer levels"
        )
    resolutions = [height // 2**level for level in range(levels)]
    key = ("models", model, "network", "attention_resolutions")
    found += [
        f"{file.where(key)}: {'.'.join(key)}: the network has no resolution {wanted}, only {resolutions}"
        for wanted in settings.network.attention_resolutions
        if wanted not in resolutions
    ]
    return found


def _impossible_times(file: StudyFile, study: Study) -> list[str]:
    """Times beyond a model's T, and more progressive columns than steps."""
    found = []
    for name, artefact in study.artefacts.chosen.items():
        largest = min(study.model(m).diffusion.timesteps for m in study.artefacts.models_of(name))
        for key in ("t", "steps"):
            value = getattr(artefact, key, [])
            times = value if isinstance(value, list) else [value]
            if times and max(times) > largest:
                where = file.where(("artefacts", name, key))
                found.append(f"{where}: artefacts.{name}.{key}: {max(times)} lies beyond T = {largest}")
    columns, where = study.sampling.progressive_columns, file.where(("sampling", "progressive_columns"))
    for model in study.models:
        timesteps = study.model(model).diffusion.timesteps
        if keeps_progress(study, model) and columns > timesteps:
            found.append(
                f"{where}: sampling.progressive_columns: {columns} columns, but T = {timesteps} for {model}"
            )
    return found


def _too_few_samples(file: StudyFile, study: Study) -> list[str]:
    found = []
    for name, artefact in study.artefacts.chosen.items():
        if (shown := artefact.shown_samples) > study.sampling.images:
            found.append(
                f"{file.where(('artefacts', name))}: artefacts.{name}: shows {shown} samples, but "
                f"sampling.images is {study.sampling.images}; show fewer or draw more"
            )
    return found


def _untrained_models(file: StudyFile, study: Study) -> list[str]:
    """Curves over training of models that are not trained here."""
    return [
        f"{file.where(('artefacts', name, 'models'))}: artefacts.{name}.models: {model} is not "
        "trained (`pretrained`), so there is no training to show; remove it"
        for name in ("training_curves", "checkpoints")
        if name in study.artefacts.chosen
        for model in study.artefacts.models_of(name)
        if study.model(model).pretrained is not None
    ]


def _unusable_weights(file: StudyFile, study: Study) -> list[str]:
    """Models that take the weights of another model which do not fit them."""
    found = []
    for name in study.models:
        if (source := study.model(name).weights_of) is not None:
            key = ("models", name, "pretrained", "model")
            reason = _unusable(study, name, source)
            found += [f"{file.where(key)}: {'.'.join(key)}: {reason}"] if reason else []
    return found


def _unusable(study: Study, name: str, source: str) -> str:
    """Why a model cannot use the weights of another; "" if it can."""
    model, other = study.model(name), study.model(source)
    if source == name:
        return "a model cannot take its own weights; name another, or remove `pretrained`"
    if other.weights_of is not None:
        return (
            f"{source} takes its weights from {other.weights_of} itself; name a model with weights of its own"
        )
    fixed = ("timesteps", "schedule", "beta_start", "beta_end", "prediction")
    differing = [f"diffusion.{key}" for key in fixed if _differ(model.diffusion, other.diffusion, key)]
    if "learned" in (model.diffusion.variance, other.diffusion.variance):
        differing += ["diffusion.variance"] if _differ(model.diffusion, other.diffusion, "variance") else []
    differing += [key for key in ("network", "dataset") if _differ(model, other, key)]
    if differing:
        return f"{source} differs in {', '.join(differing)}; only a fixed `diffusion.variance` may be another"
    if missing := [seed for seed in model.seeds if seed not in other.seeds]:
        return f"{source} has no seed {missing[0]}, only {other.seeds}; change `seeds` of one of them"
    return ""


def _differ(one: Settings, other: Settings, key: str) -> bool:
    return bool(getattr(one, key) != getattr(other, key))


def _unusual_images(file: StudyFile, study: Study) -> list[str]:
    """Folders of images that are not there or hold none."""
    return [
        f"{file.where(('datasets', name, split))}: datasets.{name}.{split}: {getattr(settings, split)} holds "
        "no images; give the path of a folder of images"
        for name, settings in study.datasets.items()
        if settings.source == "image_folder"
        for split, images in settings.split_sizes.items()
        if not images
    ]


def _reused_seeds(file: StudyFile, study: Study) -> list[str]:
    """Checkpoints chosen by the very samples that are evaluated would be judged too well."""
    return [
        f"{file.where(('models', model, 'checkpoints', 'seed'))}: models.{model}.checkpoints.seed: "
        f"{study.model(model).checkpoints.seed} is a seed of its samples too; use another"
        for model in study.models
        if study.model(model).checkpoints.seed in study.sampling_seeds(model)
    ]
