"""Rules of a study's codes that span several of its parts."""

from __future__ import annotations

from collections.abc import Iterator

from ddpm.errors import did_you_mean
from ddpm.study.settings import Study
from ddpm.study.yaml_file import Keys

Problems = Iterator[tuple[Keys, str]]


def unsuitable_codes(study: Study) -> Problems:
    """Codes that an artefact names and the study has not, or that the artefact's model cannot have."""
    known = study.compression.schedules
    for artefact, key, names in _named(study):
        for name in names:
            if name not in known:
                reason = (
                    f"no code of `compression.schedules` is named {name!r}{did_you_mean(name, list(known))}"
                )
                yield ("artefacts", artefact, key), reason
            else:
                yield from _unsuitable(study, artefact, name)
                if artefact == "progressive_coding" and known[name].mode != "progressive":
                    reason = f"{name} is an archive, of which no part is a picture; name a progressive code"
                    yield ("artefacts", artefact, key), reason


def _named(study: Study) -> Iterator[tuple[str, str, list[str]]]:
    """Artefact, key, and the codes that it shows."""
    chosen = study.artefacts.chosen
    if (table := chosen.get("compression")) is not None:
        named = getattr(table, "schedules", None)
        yield "compression", "schedules", list(study.compression.schedules) if named is None else named
    if (figure := chosen.get("progressive_coding")) is not None:
        yield "progressive_coding", "schedule", [str(getattr(figure, "schedule", ""))]


def _unsuitable(study: Study, artefact: str, name: str) -> Problems:
    model, settings = study.artefacts.models_of(artefact)[0], study.compression.schedules[name]
    diffusion = study.model(model).diffusion
    if settings.variance == "model" and diffusion.variance == "learned":
        yield (
            ("artefacts", artefact, "model"),
            f"{model} learned its variance, another for each image, and the code {name} has "
            "`variance: model`; name a model of a fixed one, or leave that code out (`schedules`)",
        )
    if isinstance(settings.steps, int) and settings.steps > diffusion.timesteps:
        keys = ("compression", "schedules", name, "steps")
        yield keys, f"{settings.steps} latents, but T = {diffusion.timesteps} for {model}; take at most T"
