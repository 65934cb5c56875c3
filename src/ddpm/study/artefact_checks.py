"""Rules of a study's tables and figures: what they show must be there, and theirs to show."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.study.settings import OF_SAMPLES, Study
from ddpm.study.yaml_file import Keys

Problems = Iterator[tuple[Keys, str]]


def artefact_problems(study: Study) -> Problems:
    """As `ddpm.study.checks.problems`, of tables and figures alone; the names of models are right."""
    yield from _impossible_times(study)
    yield from _too_few_samples(study)
    yield from _absent_images(study)
    yield from _repeated_rows(study)
    yield from _untrained_models(study)
    yield from _samples_without_weights(study)
    yield from _unsuitable_crops(study)


def _impossible_times(study: Study) -> Problems:
    """Times beyond a model's T."""
    for name, artefact in study.artefacts.chosen.items():
        largest = min(study.model(m).diffusion.timesteps for m in study.artefacts.models_of(name))
        for key in ("t", "steps"):
            value = getattr(artefact, key, [])
            times = value if isinstance(value, list) else [value]
            if times and max(times) > largest:
                yield ("artefacts", name, key), f"{max(times)} lies beyond T = {largest}"


def _too_few_samples(study: Study) -> Problems:
    for name, artefact in study.artefacts.chosen.items():
        for model, shown in artefact.shown_samples.items():
            if shown > (drawn := study.sampling_of(model).images):
                where = sampling_key(study, model)
                reason = f"shows {shown} samples, but {where} is {drawn}; show fewer or draw more"
                yield ("artefacts", name), reason


def sampling_key(study: Study, model: str) -> str:
    """The key that says how many samples of a model are drawn."""
    own = study.model(model).sampling.images is not None
    return f"models.{model}.sampling.images" if own else "sampling.images"


def _absent_images(study: Study) -> Problems:
    """Figures of test images, or of nearest training images, that the data set does not have.

    Of folders, `ddpm data` tells.
    """
    for name, artefact in study.artefacts.chosen.items():
        for key, split, number in artefact.shown_images:
            model = study.artefacts.models_of(name)[0]
            there = getattr(study.datasets[study.model(model).dataset], "split_sizes", {}).get(split, number)
            if number > there:
                reason = f"asks for {number} {split} images, counted from 0, but there are {there}"
                yield ("artefacts", name, key), reason


def _repeated_rows(study: Study) -> Problems:
    """One model in two rows of a table, which stand for different objectives."""
    for name, artefact in study.artefacts.chosen.items():
        rows = getattr(artefact, "rows", None)
        if not isinstance(rows, dict):
            continue
        for row, model in rows.items():
            if (first := next(key for key, value in rows.items() if value == model)) != row:
                yield (
                    ("artefacts", name, row),
                    f"{model} stands in the row {first} already; name another or null",
                )


def _untrained_models(study: Study) -> Problems:
    """Curves over training of models that are not trained here."""
    reason = "is not trained (`pretrained` or `samples`), so there is no training to show; remove it"
    for name in [name for name in study.artefacts.chosen if name in ("training_curves", "checkpoints")]:
        for model in study.artefacts.models_of(name):
            if not study.model(model).is_trained:
                yield ("artefacts", name, "models"), f"{model} {reason}"


def _samples_without_weights(study: Study) -> Problems:
    """Tables and figures of a model's weights, where others' samples stand in its place."""
    reason = "has others' samples (`samples`) and no weights, which this asks for; name another model"
    for name in [name for name in study.artefacts.chosen if name not in OF_SAMPLES]:
        for model in study.artefacts.models_of(name):
            if study.model(model).samples is not None:
                yield ("artefacts", name), f"{model} {reason}"


def _unsuitable_crops(study: Study) -> Problems:
    """Squares beyond the images, or for a classifier that takes whole images alone."""
    for name, artefact in study.artefacts.chosen.items():
        if (crop := getattr(artefact, "crop", None)) is None:
            continue
        keys = ("artefacts", name, "crop")
        model = study.model(study.artefacts.models_of(name)[0])
        _, height, width = study.datasets[model.dataset].image_shape
        top, left, size = crop
        if not size or max(top + size, left + size) > min(height, width):
            yield keys, f"{crop} (top, left, size) does not lie within {height}x{width} pixels; change it"
        if study.quality.features.kind == "classifier":
            yield keys, "the classifier of quality.features takes whole images alone; use Inception, or null"
