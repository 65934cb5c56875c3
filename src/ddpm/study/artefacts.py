"""Which model feeds which table and figure: the `artefacts` part of a study file."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ddpm.study.base import Count, Settings

Step = Annotated[int, Field(ge=0)]
TABLES = ("table1", "table2", "table4", "text_numbers", "comparison")


class Table1Settings(Settings):
    """Table 1: the last two rows are measured, the others are quoted."""

    L: str | None = Field(
        description="Model of the row `Ours (L, fixed isotropic Sigma)`; null to leave it out."
    )
    L_simple: str | None = Field(description="Model of the row `Ours (L_simple)`; null to leave it out.")

    @model_validator(mode="after")
    def _some_row_is_measured(self) -> Table1Settings:
        if self.L is None and self.L_simple is None:
            raise ValueError("L and L_simple: no row has a model; name one, or leave table1 out")
        return self


class Table2Settings(Settings):
    """Table 2: one model for each of the six rows."""

    mu_tilde_L_learned: str
    mu_tilde_L_fixed: str
    mu_tilde_mse: str
    epsilon_L_learned: str
    epsilon_L_fixed: str
    epsilon_L_simple: str


class ModelArtefactSettings(Settings):
    """An artefact that shows one model."""

    model: str


class TextNumbersSettings(ModelArtefactSettings):
    """The CIFAR-10 numbers of the text, of one model."""

    fixed_small: str | None = Field(
        None,
        description="Model of the same weights with `variance: fixed_small` (section 3.2); null for none.",
    )


class ComparisonSettings(Settings):
    """Every published number beside ours, with a verdict: for the tables that the study builds."""


class GridSettings(ModelArtefactSettings):
    """A grid of samples, uncurated: the first rows x columns."""

    rows: Count
    columns: Count


class ChainsSettings(ModelArtefactSettings):
    """Progressive generation: one chain a row, x0-hat over the reverse process along it."""

    rows: Count


class TrajectorySettings(ModelArtefactSettings):
    """Figure 2: the graphical model with thumbnails of one chain at x_T, x_t, x_{t-1}, x_0."""

    t: Count = Field(description="The t of x_t, in 1..T.")


class SharedLatentsSettings(ModelArtefactSettings):
    """Figure 7: samples that share x_t, one panel for each t (0 is the finished sample)."""

    t: list[Step] = Field(min_length=1)
    samples: Count = Field(3, description="Samples that share each x_t.")


class InterpolationSettings(ModelArtefactSettings):
    """Figures 8 and 9: interpolation between test images diffused for some steps."""

    pairs: list[Annotated[list[Step], Field(min_length=2, max_length=2)]] = Field(
        min_length=1, description="Pairs of indices of test images."
    )
    steps: list[Step] = Field(min_length=1, description="Diffusion steps before mixing; 0 mixes pixels.")
    share_noise: bool = Field(
        True,
        description="Diffuse the sources with the same noise for each number of steps (paper: not said).",
    )


class NeighboursSettings(ModelArtefactSettings):
    """Figure 15: nearest training images in pixel space and in feature space."""

    samples: Count
    neighbours: Count


class CurvesSettings(Settings):
    """Curves of several models over training."""

    models: list[str] = Field(min_length=1)


class ArtefactSettings(Settings):
    """Tables and figures to build; those left out are not built."""

    table1: Table1Settings | None = None
    table2: Table2Settings | None = None
    table4: ModelArtefactSettings | None = None
    text_numbers: TextNumbersSettings | None = None
    comparison: ComparisonSettings | None = None
    figure1: GridSettings | None = None
    figure2: TrajectorySettings | None = None
    figure5: ModelArtefactSettings | None = None
    figure6: ChainsSettings | None = None
    figure7: SharedLatentsSettings | None = None
    figure8: InterpolationSettings | None = None
    figure9: InterpolationSettings | None = None
    figure10: ModelArtefactSettings | None = None
    figure13: GridSettings | None = None
    figure14: ChainsSettings | None = None
    figure15: NeighboursSettings | None = None
    training_curves: CurvesSettings | None = None
    checkpoints: CurvesSettings | None = None

    @property
    def chosen(self) -> dict[str, Settings]:
        """The artefacts that the study builds, by name, in the paper's order."""
        return {name: value for name in type(self).model_fields if (value := getattr(self, name)) is not None}

    @property
    def tables(self) -> list[str]:
        """Names of the tables that the study builds."""
        return [name for name in self.chosen if name in TABLES]

    @property
    def figures(self) -> list[str]:
        """Names of the figures that the study builds."""
        return [name for name in self.chosen if name not in TABLES]

    @property
    def compared(self) -> list[str]:
        """Names of the tables whose numbers `comparison` compares with the published ones."""
        return [name for name in self.tables if name != "comparison"]

    def models_of(self, artefact: str) -> list[str]:
        """Names of the models that feed an artefact, in the order of its settings.

        Raises:
            KeyError: the study does not build this artefact.
        """
        settings = self.chosen[artefact]
        if isinstance(settings, CurvesSettings):
            return list(settings.models)
        if isinstance(settings, ComparisonSettings):
            return list(dict.fromkeys(model for table in self.compared for model in self.models_of(table)))
        if isinstance(settings, TextNumbersSettings) and settings.fixed_small is not None:
            return [settings.model, settings.fixed_small]
        if isinstance(settings, ModelArtefactSettings):
            return [settings.model]
        return list(self.rows_of(artefact).values())

    def rows_of(self, table: str) -> dict[str, str]:
        """Models of the measured rows of Table 1 or 2, by row; rows that the study leaves out are missing.

        Raises:
            KeyError: the study does not build this table.
        """
        settings = self.chosen[table]
        models = {row: getattr(settings, row) for row in type(settings).model_fields}
        return {row: model for row, model in models.items() if model is not None}
