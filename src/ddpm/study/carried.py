"""The settings of a model as a weights file carries them, so that it loads without the study file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, Field, ValidationError

from ddpm.errors import WeightsError
from ddpm.study.base import Count, Settings, is_runtime_only, shown
from ddpm.study.models import DiffusionSettings, NetworkSettings, TrainingSettings

if TYPE_CHECKING:
    from ddpm.study.settings import Study

# The key of a weights file's provenance.
MODEL_SETTINGS = "model_settings"


class CarriedSettings(BaseModel):
    """What a network and its diffusion process are built from, and what they were trained with.

    No part of a study, so that no fingerprint depends on its defaults.
    """

    model_config = Settings.model_config

    image_shape: Annotated[list[Count], Field(min_length=3, max_length=3)] = Field(
        [3, 32, 32], description="Channels, height, width."
    )
    network: NetworkSettings = NetworkSettings()
    diffusion: DiffusionSettings = DiffusionSettings()
    training: TrainingSettings | None = Field(None, description="None for weights from elsewhere.")
    data: dict[str, Any] = Field({}, description="Settings of the data set, without paths of the machine.")

    @property
    def shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        channels, height, width = self.image_shape
        return channels, height, width


def carried_settings(study: Study, model: str) -> dict[str, Any]:
    """The entry of a weights file's provenance: JSON values, defaults written out.

    What only says how jobs run, or where files lie on this machine, is left out.
    """
    settings = study.model(model)
    dataset = study.datasets[settings.dataset]
    content = {
        "image_shape": list(dataset.image_shape),
        "data": _plain(dataset),
        "network": _plain(settings.network),
        "diffusion": _plain(settings.diffusion),
    }
    trained = {"training": _plain(settings.training)} if settings.is_trained else {}
    return {MODEL_SETTINGS: content | trained}


def read_settings(where: str, content: object) -> CarriedSettings:
    """Settings from an entry of a weights file, or from what a caller gives in its form.

    Args:
        where: the file or argument, for messages.
        content: a mapping with some of the keys of `CarriedSettings`; those that are missing are the paper's
            for CIFAR-10.

    Raises:
        WeightsError: an unknown key or value; the message names each.
    """
    try:
        return CarriedSettings.model_validate(content)
    except ValidationError as error:
        lines = [
            f"\n  {'.'.join(map(str, found['loc']))}: {found['msg']}, not {shown(found['input'])}"
            for found in error.errors()
        ]
        raise WeightsError(
            f"{where}: settings that this version does not know; correct them, or use the version that wrote "
            f"them:{''.join(lines)}"
        ) from error


def _plain(settings: Settings) -> dict[str, Any]:
    kept = {name for name, field in type(settings).model_fields.items() if not is_runtime_only(field)}
    return settings.model_dump(mode="json", include=kept)
