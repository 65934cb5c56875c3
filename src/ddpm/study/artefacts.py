"""Which model feeds which table and figure: the `artefacts` part of a study file."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pydantic import create_model

from ddpm.artefacts.artefact import Artefact, Figure, OneArtefactSettings, Table
from ddpm.artefacts.registry import ARTEFACTS
from ddpm.study.base import Settings

# Tables that hold no numbers beside those of the paper.
_NOT_PUBLISHED = ("comparison", "models", "fewer_steps", "compression")


class _Chosen(Settings):
    """What may be asked of `ArtefactSettings`, whose fields are the tables and figures by name."""

    @property
    def chosen(self) -> dict[str, OneArtefactSettings]:
        """The settings of the artefacts that the study builds, by name, in the paper's order."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @property
    def definitions(self) -> list[Artefact]:
        """The artefacts that the study builds."""
        return [artefact for artefact in ARTEFACTS if artefact.name in self.chosen]

    @property
    def tables(self) -> list[str]:
        """Names of the tables that the study builds."""
        return [artefact.name for artefact in self.definitions if isinstance(artefact, Table)]

    @property
    def figures(self) -> list[str]:
        """Names of the figures that the study builds."""
        return [artefact.name for artefact in self.definitions if isinstance(artefact, Figure)]

    @property
    def compared(self) -> list[str]:
        """Names of the tables whose numbers `comparison` compares with the published ones."""
        return [name for name in self.tables if name not in _NOT_PUBLISHED]

    def models_of(self, artefact: str) -> list[str]:
        """Names of the models that feed an artefact, in the order of its settings.

        Raises:
            KeyError: the study does not build this artefact.
        """
        return self.chosen[artefact].used_models(self)


if TYPE_CHECKING:
    ArtefactSettings = _Chosen
else:
    _FIELDS: dict[str, Any] = {artefact.name: (artefact.settings | None, None) for artefact in ARTEFACTS}
    ArtefactSettings = create_model(
        "ArtefactSettings",
        __base__=_Chosen,
        __module__=__name__,
        __doc__="Tables and figures to build; those left out are not built.",
        **_FIELDS,
    )
