"""What a table or figure is: its settings in a study file, the files that it is made of, and its words."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Annotated, Any, TypeVar

from pydantic import Field

from ddpm.errors import StudyError
from ddpm.study.base import MOST, EachOnce, Settings

if TYPE_CHECKING:
    import matplotlib.figure

    from ddpm.artefacts.tables.table import BuiltTable
    from ddpm.graph.dependencies import Inputs
    from ddpm.study.artefacts import ArtefactSettings
    from ddpm.study.settings import Study

Step = Annotated[int, Field(ge=0, le=MOST)]


class OneArtefactSettings(Settings):
    """Settings of one table or figure."""

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """Names of the models that feed it, in the order of its settings."""
        raise NotImplementedError

    @property
    def shown_samples(self) -> dict[str, int]:
        """How many of the first samples of which models it shows."""
        return {}

    @property
    def shown_images(self) -> list[tuple[str, str, int]]:
        """Images of the data that it shows: by which key, of which split, how many there must be."""
        return []


class ModelArtefactSettings(OneArtefactSettings):
    """An artefact that shows one model."""

    model: str

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The model."""
        return [self.model]


class RowsSettings(OneArtefactSettings):
    """A table with one model for each measured row: its fields are the rows; null leaves one out."""

    @property
    def rows(self) -> dict[str, str]:
        """The models by row, without the rows that are left out."""
        models = {row: getattr(self, row) for row in type(self).model_fields}
        return {row: model for row, model in models.items() if model is not None}

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The models of the rows."""
        return list(self.rows.values())


class CurvesSettings(OneArtefactSettings):
    """Curves of several models over training."""

    models: Annotated[list[str], EachOnce] = Field(min_length=1)

    def used_models(self, artefacts: ArtefactSettings) -> list[str]:
        """The models."""
        return list(self.models)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Artefact:
    """A table or figure that a study may build.

    Attributes:
        name: its key under `artefacts` in a study file, and the name of its files.
        settings: class of its settings.
        inputs: the files that it is made of, by role, from the study and its settings.
        title: its name as a heading; "" for one that follows from its name: figure13 is "Figure 13".
    """

    name: str
    settings: type[OneArtefactSettings]
    inputs: Callable[[Study, Any], Inputs]
    title: str = ""

    @property
    def heading(self) -> str:
        """Its name as a heading."""
        numbered = re.fullmatch(r"(table|figure)(\d+)", self.name)
        words = numbered.groups() if numbered else self.name.split("_")
        return self.title or " ".join(words).capitalize()


@dataclasses.dataclass(frozen=True, kw_only=True)
class Table(Artefact):
    """A table.

    Attributes:
        build: builds it from the study, its settings, and its inputs; raises DataError if an input is
            missing, damaged, or lacks a number that the table shows.
    """

    build: Callable[[Study, Any, Inputs], BuiltTable]


@dataclasses.dataclass(frozen=True, kw_only=True)
class Figure(Artefact):
    """A figure. In its words, {t}, {rows}, ... are its settings.

    Attributes:
        subject: what heads the drawing.
        paper, here: what the paper's figure shows, and this study's.
        of_images: its .npz files hold images of a model each, of which there are none if training diverged.
        draw: draws it from the study, its settings, its inputs, and the heading; raises DataError as `build`.
    """

    subject: str
    paper: str
    here: str
    of_images: bool = False
    draw: Callable[[Study, Any, Inputs, str], matplotlib.figure.Figure]

    def titled(self, study: Study) -> str:
        """Its name and what it shows, for a heading above it."""
        subject = self.subject.format(**self._values(study))
        return subject if subject == self.heading else f"{self.heading}. {subject}"

    def drawn_heading(self, study: Study, title: str) -> str:
        """What the figure shows, of which study by its title, and of which model if it is one."""
        models = study.artefacts.models_of(self.name)
        subject = self.subject.format(**self._values(study))
        return " \u2014 ".join([subject, *filter(None, [title]), *(models if len(models) == 1 else [])])

    def caption(self, study: Study) -> str:
        """What the paper's figure shows and what this one shows, a sentence each, as plain text."""
        here = self.here.format(**self._values(study))
        return f"The paper: {self.paper}. Here ({study.title}): {here}."

    def _values(self, study: Study) -> dict[str, str]:
        settings = study.artefacts.chosen[self.name]
        return {name: _words(getattr(settings, name)) for name in type(settings).model_fields}


def _words(value: object) -> str:
    """A setting as it stands in a sentence: lists as "a, b and c"."""
    if value is None:
        return ""
    if not isinstance(value, list):
        return str(value)
    words = [str(item) for item in value]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"


Kind = TypeVar("Kind", Table, Figure)


def chosen_artefact(study: Study, name: str, kind: type[Kind]) -> Kind:
    """A table or figure that the study builds.

    Raises:
        StudyError: the study builds none of this name.
    """
    chosen = {
        artefact.name: artefact for artefact in study.artefacts.definitions if isinstance(artefact, kind)
    }
    if name not in chosen:
        raise StudyError(
            f"{study.file}: artefacts.{name}: this study builds no such {kind.__name__.lower()} (it builds: "
            f"{', '.join(chosen) or 'none'}); name one of these, or add it under `artefacts`"
        )
    return chosen[name]
