"""What keeps a number measured here from being compared with the paper's."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ddpm.study.settings import Study

# How the paper measured its CIFAR-10 numbers (section 4 and appendix B).
SAMPLES = 50_000
SPLIT_SIZES = {"train": 50_000, "test": 10_000}
INCEPTION_SPLITS = 10
TIMESTEPS = 1000
# Of the LSUN images of Table 3: height, width.
LSUN_SIZE = (256, 256)

_OF_SAMPLES = ("IS", "FID", "KID", "precision", "recall")
_PUBLISHED = ("IS", "FID")


def of_measurement(study: Study, model: str, metric: str, n: int | None = None) -> list[str]:
    """What differs from how the paper measured, in words; empty if a number may be compared.

    Not among them is what leaves a number without bias: the bound of some of a split's images, whose
    standard error says what it is worth (see `fewer_images`).

    Args:
        study: the study.
        model: the model that was measured.
        metric: what was measured, as in `ddpm.records.measurements.Measurement`.
        n: number of samples, for metrics of samples; None for those that the study asks for.
    """
    found = _of_data(study, model)
    if metric in _OF_SAMPLES:
        found += _of_features(study)
        n = study.sampling_of(model).images if n is None else n
        if n != SAMPLES:
            found.append(f"{n:,} samples, not {SAMPLES:,}")
        timesteps = study.model(model).diffusion.timesteps
        if (steps := study.sampling_of(model).reverse_steps(timesteps)) != timesteps:
            found.append(f"samples in {steps:,} of {timesteps:,} steps")
    if metric == "IS" and study.quality.inception_splits != INCEPTION_SPLITS:
        found.append(f"IS over {study.quality.inception_splits} splits, not {INCEPTION_SPLITS}")
    return found


def of_lsun(study: Study, model: str, n: int | None) -> list[str]:
    """What differs from how the paper measured FID on LSUN (Table 3), in words.

    Args:
        study: the study.
        model: the model that was measured.
        n: number of samples.
    """
    name = study.model(model).dataset
    settings = study.datasets[name]
    found = []
    if settings.source != "lsun":
        found.append(f"data {name}, not LSUN")
    elif settings.image_shape[1:] != LSUN_SIZE:
        found.append(f"images of {settings.image_size} pixels, not {LSUN_SIZE[0]}")
    elif settings.reference_images != SAMPLES:
        found.append(f"not against the first {SAMPLES:,} training images")
    found += _of_features(study)
    if n is not None and n != SAMPLES:
        found.append(f"{n:,} samples, not {SAMPLES:,}")
    if study.model(model).samples is None:
        timesteps = study.model(model).diffusion.timesteps
        if (steps := study.sampling_of(model).reverse_steps(timesteps)) != TIMESTEPS:
            found.append(f"samples in {steps:,} steps, not {TIMESTEPS:,}")
    return found


def of_timesteps(study: Study, model: str) -> list[str]:
    """What keeps a number at one time of the reverse process (Table 4) from being compared."""
    timesteps = study.model(model).diffusion.timesteps
    return [] if timesteps == TIMESTEPS else [f"T = {timesteps:,}, not {TIMESTEPS:,}"]


def fewer_images(study: Study, model: str, metric: str, split: str | None, n: int | None) -> str:
    """In words, that a number is of fewer images than the paper's.

    Args:
        study: the study.
        model: the model that was measured.
        metric: what was measured.
        split: for the bound, the split whose images it was measured on; None is test.
        n: number of images.

    Returns:
        "" if it is not, and for numbers that stand beside none of the paper's whatever their n: of other
        data, of other features, or of a metric that the paper does not give.
    """
    if _of_data(study, model) or (
        metric in _OF_SAMPLES and (metric not in _PUBLISHED or _of_features(study))
    ):
        return ""
    images = "samples" if metric in _OF_SAMPLES else f"{split or 'test'} images"
    whole = SAMPLES if metric in _OF_SAMPLES else SPLIT_SIZES[split or "test"]
    return "" if n is None or n >= whole else f"{n:,} of {whole:,} {images}"


def _of_data(study: Study, model: str) -> list[str]:
    name = study.model(model).dataset
    settings = study.datasets[name]
    if settings.source != "cifar10":
        return [f"data {name}, not CIFAR-10"]
    if not settings.is_official:
        return ["data not checked to be CIFAR-10 (`official: false` or `sha256`)"]
    if settings.split_sizes != SPLIT_SIZES:
        sizes = settings.split_sizes
        return [f"{sizes['train']:,} training and {sizes['test']:,} test images, not all of CIFAR-10"]
    return []


def _of_features(study: Study) -> list[str]:
    features = study.quality.features
    if features.kind != "inception":
        return ["features of a classifier, not Inception's"]
    if features.is_official:
        return []
    return ["weights not checked to be Inception's (`official: false` or `sha256`)"]
