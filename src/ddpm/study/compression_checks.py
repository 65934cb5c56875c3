"""Rules of a study's codes that span several of its parts."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.errors import did_you_mean
from ddpm.study.settings import Study
from ddpm.study.yaml_file import Keys


def unsuitable_codes(study: Study) -> Iterator[tuple[Keys, str]]:
    """Codes that the table `compression` names and the study has not, or that its model cannot have."""
    table = study.artefacts.chosen.get("compression")
    if table is None:
        return
    known = study.compression.schedules
    model = study.artefacts.models_of("compression")[0]
    diffusion = study.model(model).diffusion
    for name in getattr(table, "schedules", None) or known:
        if name not in known:
            reason = f"no code of `compression.schedules` is named {name!r}{did_you_mean(name, list(known))}"
            yield ("artefacts", "compression", "schedules"), reason
            continue
        keys: Keys = ("compression", "schedules", name)
        settings = known[name]
        if settings.variance == "model" and diffusion.variance == "learned":
            yield (
                ("artefacts", "compression", "model"),
                f"{model} learned its variance, another for each image, and the code {name} has "
                "`variance: model`; name a model of a fixed one, or leave that code out (`schedules`)",
            )
        if isinstance(settings.steps, int) and settings.steps > diffusion.timesteps:
            yield (*keys, "steps"), f"{settings.steps} latents, but T = {diffusion.timesteps} for {model}"
