"""The settings of a study file (config/<study>.yaml): its one definition.

The JSON schema that editors use (config/study.schema.json) is generated from these classes.
Names and defaults follow the paper (section 4 and appendix B) where it has them.
"""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, PrivateAttr, model_validator

from ddpm.study.artefacts import ArtefactSettings
from ddpm.study.base import RUNTIME_ONLY, Settings, partial

Seed = Annotated[int, Field(ge=0, lt=2**63)]
Count = Annotated[int, Field(ge=1)]
Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_-]*$")]


class DigitsSettings(Settings):
    """scikit-learn's 1,797 handwritten digits, 8x8 grey images, split once into train and test."""

    source: Literal["digits"]
    test_images: Annotated[int, Field(ge=10, le=1787)] = Field(
        500, description="Images held out for testing, stratified by digit."
    )
    split_seed: Seed = Field(0, description="Seed of the train/test split.")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (1, 8, 8)

    @property
    def split_sizes(self) -> dict[str, int]:
        """Number of images of each split."""
        return {"train": 1797 - self.test_images, "test": self.test_images}


class NetworkSettings(Settings):
    """The U-Net (paper: appendix B)."""

    channels: Count = Field(128, description="Channels of the first level.")
    channel_multipliers: list[Count] = Field(
        [1, 2, 2, 2], min_length=1, description="Channels of each resolution, as multiples of `channels`."
    )
    residual_blocks: Count = Field(2, description="Residual blocks at each resolution.")
    attention_resolutions: list[Count] = Field([16], description="Image heights at which blocks attend.")
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="Dropout rate in residual blocks.")
    groups: Count = Field(32, description="Groups of each GroupNorm; must divide the channels of each level.")

    @model_validator(mode="after")
    def _groups_divide_channels(self) -> NetworkSettings:
        for multiplier in self.channel_multipliers:
            width = self.channels * multiplier
            if width % self.groups:
                raise ValueError(
                    f"groups: {self.groups} groups do not divide a level of {width} channels; "
                    "lower `groups` or change `channels`"
                )
        if self.channels % self.groups:
            raise ValueError(f"groups: {self.groups} groups do not divide channels: {self.channels}")
        if self.channels % 2:
            raise ValueError(f"channels: {self.channels} is odd; the timestep embedding needs an even number")
        return self


class DiffusionSettings(Settings):
    """The forward process q and how the reverse process p is parameterised and trained (section 3)."""

    timesteps: Annotated[int, Field(ge=2)] = Field(1000, description="T.")
    schedule: Literal["linear", "quadratic", "constant", "warmup10", "warmup50", "jsd"] = Field(
        "linear", description="Form of beta_1..beta_T."
    )
    beta_start: Annotated[float, Field(gt=0, lt=1)] = Field(1e-4, description="beta_1.")
    beta_end: Annotated[float, Field(gt=0, lt=1)] = Field(0.02, description="beta_T.")
    prediction: Literal["mu_tilde", "epsilon", "x0"] = Field(
        "epsilon", description="What the network predicts: the posterior mean, the noise, or the image."
    )
    variance: Literal["fixed_large", "fixed_small", "learned"] = Field(
        "fixed_large",
        description="Reverse variance: beta_t, beta-tilde_t, or output channels of the network.",
    )
    loss: Literal["mse", "kl"] = Field(
        "mse", description="Unweighted squared error of the prediction (L_simple), or a term of the bound L."
    )

    @model_validator(mode="after")
    def _learned_variance_needs_the_bound(self) -> DiffusionSettings:
        if self.loss == "mse" and self.variance == "learned":
            raise ValueError(
                "loss: `mse` gives a learned variance no gradient; use `loss: kl` or a fixed variance"
            )
        if self.beta_end < self.beta_start:
            raise ValueError(f"beta_end: {self.beta_end} lies below beta_start: {self.beta_start}")
        return self


class TrainingSettings(Settings):
    """Optimisation (paper: section 4, appendix B)."""

    steps: Count = Field(800_000, description="Updates of the weights.")
    batch_size: Count = Field(128, description="Images per update.")
    learning_rate: Annotated[float, Field(gt=0)] = Field(2e-4, description="Adam's step size after warm-up.")
    warmup_steps: Annotated[int, Field(ge=0)] = Field(
        5000, description="Updates over which the learning rate rises from 0."
    )
    gradient_clip: Annotated[float, Field(gt=0)] | None = Field(
        1.0, description="Largest global norm of the gradient; null for no clipping."
    )
    ema_decay: Annotated[float, Field(ge=0, lt=1)] = Field(
        0.9999, description="Decay of the averaged weights."
    )
    ema_ramp: bool = Field(
        False, description="Lower the decay to (1+n)/(10+n) at update n, for short runs (not in the paper)."
    )
    flip: bool = Field(True, description="Mirror each training image with probability 1/2.")
    log_every: Count = Field(
        1000, description="Updates between points of the training curve (loss and norm are means over them)."
    )
    save_every_minutes: Annotated[float, Field(ge=0)] = Field(
        10.0, description="Time between saves of the resumable state.", json_schema_extra=RUNTIME_ONLY
    )


class ModelSettings(Settings):
    """One model: a data set, a network, a diffusion process, its training, and how many seeds."""

    dataset: Name = Field(description="A key of `datasets`.")
    network: NetworkSettings = NetworkSettings()
    diffusion: DiffusionSettings = DiffusionSettings()
    training: TrainingSettings = TrainingSettings()
    seeds: list[Seed] = Field([0], min_length=1, description="One training run for each seed.")


PartialModelSettings = partial(ModelSettings)


class SamplingSettings(Settings):
    """Generation of the samples that are evaluated (Algorithm 2, with x0-hat clipped to [-1, 1])."""

    images: Count = Field(50_000, description="Samples of each model for each sampling seed.")
    batch_size: Count = Field(500, description="Images in one network call; the last batch is padded to it.")
    batches_per_shard: Count = Field(
        10,
        description="Batches that one job draws; does not change the samples.",
        json_schema_extra=RUNTIME_ONLY,
    )
    seeds: list[Seed] = Field([0], min_length=1, description="One set of samples for each seed.")
    progressive_columns: Annotated[int, Field(ge=2)] = Field(
        20, description="Times at which x0-hat is kept for the progressive figures and figure 10."
    )

    @property
    def shards(self) -> int:
        """Number of sampling jobs for one set of samples."""
        return -(-self.images // (self.batch_size * self.batches_per_shard))


class LikelihoodSettings(Settings):
    """The variational bound (Eq. 5) over whole splits with all T terms, in bits/dim."""

    batch_size: Count = Field(500, description="Network inputs (image, t) in one call.")
    images_per_shard: Count = Field(
        1000,
        description="Images that one job evaluates; does not change the result.",
        json_schema_extra=RUNTIME_ONLY,
    )
    seed: Seed = Field(0, description="Seed of the noise in x_t, one draw for each image and t.")

    def group_size(self, timesteps: int) -> int:
        """Images that share network calls: as many as have all T inputs in one batch, at least 1."""
        return max(1, self.batch_size // timesteps)

    def shards(self, images: int, timesteps: int) -> int:
        """Number of jobs for so many images."""
        return -(-images // self._shard_size(timesteps))

    def shard_range(self, shard: int, images: int, timesteps: int) -> tuple[int, int]:
        """First and one-past-last image of a shard, which holds whole groups."""
        size = self._shard_size(timesteps)
        return min(shard * size, images), min((shard + 1) * size, images)

    def _shard_size(self, timesteps: int) -> int:
        group = self.group_size(timesteps)
        return -(-self.images_per_shard // group) * group


class ClassifierSettings(Settings):
    """A small classifier of the training images, whose penultimate layer gives FID's features."""

    kind: Literal["classifier"]
    dataset: Name = Field(description="A key of `datasets`: the labelled images it is trained on.")
    epochs: Count = Field(30, description="Passes over the training split.")
    batch_size: Count = Field(64, description="Images per update.")
    learning_rate: Annotated[float, Field(gt=0)] = Field(2e-3, description="Adam's step size.")
    seed: Seed = Field(0, description="Seed of its initial weights and batches.")
    required_accuracy: Annotated[float, Field(ge=0, le=1)] = Field(
        0.97, description="Accuracy on the test split below which it is refused as a judge."
    )


class QualitySettings(Settings):
    """Inception score, FID, KID, precision and recall through torch-fidelity (section 4.1)."""

    features: ClassifierSettings
    batch_size: Count = Field(500, description="Images in one call of the feature extractor.")
    inception_splits: Count = Field(10, description="Splits of the inception score; fewer if n is small.")
    kid_subsets: Count = Field(100, description="Random subsets of KID.")
    kid_subset_size: Count = Field(1000, description="Images in a subset of KID; fewer if n is smaller.")
    neighbourhood: Count = Field(3, description="k of precision and recall's nearest neighbours.")


class Study(Settings):
    """A study: models, how they are evaluated, and which model feeds which table and figure."""

    title: str = Field(description="One line that heads the tables and figures.")
    datasets: dict[Name, DigitsSettings] = Field(min_length=1)
    defaults: PartialModelSettings = Field(  # type: ignore[valid-type]
        default_factory=PartialModelSettings, description="Settings that all models share."
    )
    models: dict[Name, PartialModelSettings] = Field(  # type: ignore[valid-type]
        min_length=1, description="Each model's settings where they differ from `defaults`."
    )
    sampling: SamplingSettings = SamplingSettings()
    likelihood: LikelihoodSettings = LikelihoodSettings()
    quality: QualitySettings
    artefacts: ArtefactSettings = Field(description="Which model feeds which table and figure.")

    # Filled by ddpm.study.loading after the defaults are merged in.
    _name: str = PrivateAttr("")
    _file: str = PrivateAttr("")
    _resolved: dict[str, ModelSettings] = PrivateAttr(default_factory=dict)

    @property
    def name(self) -> str:
        """The file's stem: results lie in results/<name>, those of `paper` in results."""
        return self._name

    @property
    def file(self) -> str:
        """Path of the study file as it was given."""
        return self._file

    def model(self, name: str) -> ModelSettings:
        """The complete settings of a model.

        Raises:
            KeyError: no such model.
        """
        return self._resolved[name]
