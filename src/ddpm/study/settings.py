"""The settings of a study file (config/<study>.yaml): its one definition, with its parts beside it.

The JSON schema that editors use (config/study.schema.json) is generated from these classes.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr, field_validator, model_validator

from ddpm.study.artefacts import ArtefactSettings
from ddpm.study.base import Name, Settings
from ddpm.study.compression import CompressionSettings
from ddpm.study.datasets import DatasetSettings
from ddpm.study.evaluation import LikelihoodSettings, QualitySettings, SamplingSettings
from ddpm.study.models import ModelSettings, PartialModelSettings

# The artefacts that show what samples are worth by the features of images: alone, or where a study names any.
NEEDS_JUDGE = (
    "table1",
    "table2",
    "table3",
    "text_numbers",
    "fewer_steps",
    "figure10",
    "figure12",
    "figure15",
    "checkpoints",
)
_JUDGED = ("models", *NEEDS_JUDGE)
# The artefacts that samples alone suffice for; all others ask for a model's weights.
OF_SAMPLES = (
    *("models", "table2", "table3", "comparison", "figure1", "figure3", "figure4"),
    *(f"figure{number}" for number in (11, 12, 13, 15, 16, 17, 18, 19)),
)


class Study(Settings):
    """A study: models, how they are evaluated, and which model feeds which table and figure."""

    extends: str | None = Field(
        None, description="Another study file beside this one, whose settings hold where this one gives none."
    )
    title: str = Field(
        min_length=1, max_length=300, description="One line that heads the tables and figures."
    )
    datasets: dict[Name, DatasetSettings] = Field(min_length=1)
    defaults: PartialModelSettings = Field(  # type: ignore[valid-type]
        default_factory=PartialModelSettings, description="Settings that all models share."
    )
    models: dict[Name, PartialModelSettings] = Field(  # type: ignore[valid-type]
        min_length=1, description="Each model's settings where they differ from `defaults`."
    )
    sampling: SamplingSettings = SamplingSettings()
    likelihood: LikelihoodSettings = LikelihoodSettings()
    quality: QualitySettings = QualitySettings()
    compression: CompressionSettings = CompressionSettings()
    artefacts: ArtefactSettings = Field(
        description="Which model feeds which table and figure. The table `models` is built unless it is null."
    )

    @model_validator(mode="before")
    @classmethod
    def _all_models(cls, content: Any) -> Any:
        """The table `models` is the default, and its default is all models."""
        if not isinstance(content, Mapping) or not isinstance(
            artefacts := content.get("artefacts", {}), Mapping
        ):
            return content
        table = artefacts.get("models", {})
        if (
            isinstance(table, Mapping)
            and table.get("models") is None
            and isinstance(content.get("models"), Mapping)
        ):
            table = {**table, "models": list(content["models"])}
        return {**content, "artefacts": {**artefacts, "models": table}}

    @field_validator("title")
    @classmethod
    def _one_line(cls, title: str) -> str:
        if not title.split():
            raise ValueError("is empty; say what the study is")
        return " ".join(title.split())

    # Filled by ddpm.study.loading after the defaults are merged in.
    _file: str = PrivateAttr("")
    _files: dict[str, str] = PrivateAttr(default_factory=dict)
    _warnings: list[str] = PrivateAttr(default_factory=list)
    _resolved: dict[str, ModelSettings] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's stem: results lie in results/<name>, those of `paper` in results."""
        return Path(self._file).stem

    @property
    def file(self) -> str:
        """Path of the study file as it was given."""
        return self._file

    @property
    def files(self) -> dict[str, str]:
        """SHA-256 of each file of settings, the topmost first: local changes, the file, what it extends."""
        return dict(self._files)

    @property
    def warnings(self) -> list[str]:
        """What is seldom meant, though no mistake: a line each with file, line, key and remedy."""
        return list(self._warnings)

    def model(self, name: str) -> ModelSettings:
        """The complete settings of a model.

        Raises:
            KeyError: no such model.
        """
        return self._resolved[name]

    def sampling_seeds(self, model: str) -> list[int]:
        """Seeds of a model's sets of samples: its own, or those of all models.

        Raises:
            KeyError: no such model.
        """
        return self.model(model).sampling_seeds or self.sampling.seeds

    def sampling_of(self, model: str) -> SamplingSettings:
        """How a model is sampled: as all are, with what is other for it.

        Raises:
            KeyError: no such model.
        """
        return self.model(model).sampling.of(self.sampling)

    def respaced_images(self, model: str) -> int:
        """Samples for each number of steps that the table `fewer_steps` shows."""
        table = self.artefacts.chosen.get("fewer_steps")
        return getattr(table, "images", None) or self.sampling_of(model).images

    @property
    def is_judged(self) -> bool:
        """Whether samples are measured by features of images."""
        return self.quality.features.kind != "none"

    @property
    def judged_models(self) -> list[str]:
        """The models whose samples are measured by features, for an artefact or the choice of weights."""
        if not self.is_judged:
            return []
        chosen = [name for name in _JUDGED if name in self.artefacts.chosen]
        shown = [model for name in chosen for model in self.artefacts.models_of(name)]
        return [name for name in self.models if name in shown or self._compares_checkpoints(name)]

    def _compares_checkpoints(self, model: str) -> bool:
        settings = self.model(model)
        return settings.is_trained and settings.checkpoints.evaluate == "minimum_fid"

    def keeps_progress(self, model: str) -> bool:
        """True if an artefact shows the model's x0-hat over the reverse process (figures 6, 10, 14)."""
        return any(
            model in self.artefacts.models_of(name)
            for name in ("figure6", "figure10", "figure14")
            if name in self.artefacts.chosen
        )
