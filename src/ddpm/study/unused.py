"""What a study file holds and nothing uses: no mistake, but seldom meant."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.study.settings import Study
from ddpm.study.yaml_file import Keys


def unused(study: Study) -> Iterator[tuple[Keys, str]]:
    """Models that no table or figure shows, and data sets that no model is trained on: keys and a message."""
    shown = {model for name in study.artefacts.chosen for model in study.artefacts.models_of(name)}
    used = shown | {source for model in shown if (source := study.model(model).weights_of)}
    for model in study.models:
        if model not in used:
            yield (
                ("models", model),
                "no table or figure shows it, so it is neither trained nor reported; name it under "
                "`artefacts`, or let the table `models` show all models (no `models: null` there)",
            )
    features = study.quality.features
    trained_on = {study.model(model).dataset for model in study.models}
    judges = {features.dataset} if features.kind == "classifier" else set()
    for dataset in study.datasets:
        if dataset not in trained_on | judges:
            others = ", ".join(sorted(trained_on))
            yield (
                ("datasets", dataset),
                f"no model is trained on it (all are on {others}); set `defaults.dataset: {dataset}`, "
                "or remove it",
            )
