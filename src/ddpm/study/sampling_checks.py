"""Rules of how a study samples its models: in which steps, with which variance, and what is kept of them."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.study.settings import Study
from ddpm.study.yaml_file import Keys

Problems = Iterator[tuple[Keys, str]]

_LEARNED = "learned its variance, that of each of all T steps, and has none for fewer steps or in its stead"


def sampling_problems(study: Study) -> Problems:
    """As `ddpm.study.checks.problems`, of sampling alone; the names of models are right."""
    yield from _impossible_steps(study)
    yield from _learned_variance(study)
    yield from _too_many_columns(study)


def _impossible_steps(study: Study) -> Problems:
    """More steps than a model's T, and times beyond it."""
    steps = study.sampling.steps
    for model in study.models:
        timesteps = study.model(model).diffusion.timesteps
        if isinstance(steps, int) and steps > timesteps:
            reason = (
                f"{steps} steps, but T = {timesteps} for {model}; take at most T, or null for all of them"
            )
            yield ("sampling", "steps"), reason
        if isinstance(steps, list) and steps[-1] > timesteps:
            reason = f"the time {steps[-1]} lies beyond T = {timesteps} of {model}; name times of 1 to T"
            yield ("sampling", "steps"), reason


def _learned_variance(study: Study) -> Problems:
    """Fewer steps or another variance of models that learned theirs."""
    sampling = study.sampling
    for model in study.models:
        diffusion = study.model(model).diffusion
        if diffusion.variance != "learned":
            continue
        if sampling.reverse_steps(diffusion.timesteps) < diffusion.timesteps:
            yield ("sampling", "steps"), f"{model} {_LEARNED}; remove `sampling.steps`, or this model"
        if sampling.variance is not None:
            yield ("sampling", "variance"), f"{model} {_LEARNED}; remove `sampling.variance`, or this model"
    for name, artefact in study.artefacts.chosen.items():
        if not hasattr(artefact, "variances"):
            continue
        for model in study.artefacts.models_of(name):
            if study.model(model).diffusion.variance == "learned":
                yield ("artefacts", name, "model"), f"{model} {_LEARNED}; name a model with a fixed variance"


def _too_many_columns(study: Study) -> Problems:
    """More progressive columns (figures 6, 10 and 14) than steps."""
    columns = study.sampling.progressive_columns
    for model in study.models:
        timesteps = study.model(model).diffusion.timesteps
        steps = study.sampling.reverse_steps(timesteps)
        if not study.keeps_progress(model) or columns <= steps:
            continue
        there = f"T = {timesteps}" if steps == timesteps else f"{steps} steps (`sampling.steps`)"
        reason = f"{columns} columns, but {there} for {model}; keep fewer columns, or take more steps"
        yield ("sampling", "progressive_columns"), reason
