"""Settings of sampling and of the measurements. Defaults are the paper's for CIFAR-10."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from ddpm.study.base import (
    MOST,
    RUNTIME_ONLY,
    Compiled,
    Count,
    EachOnce,
    FilePath,
    Name,
    Precision,
    Seed,
    Settings,
    Sha256,
)

FixedVariance = Literal["fixed_large", "fixed_small"]


def _ascending(times: list[int]) -> list[int]:
    if times != sorted(set(times)):
        raise ValueError(f"the times {times} must ascend, each once")
    return times


# The paper's t of each step of a chain, ascending.
Times = Annotated[list[Count], Field(min_length=1), AfterValidator(_ascending)]


class SamplingSettings(Settings):
    """Generation of the samples that are evaluated (Algorithm 2, with x0-hat clipped to [-1, 1])."""

    images: Count = Field(50_000, description="Samples of each model for each sampling seed.")
    batch_size: Count = Field(500, description="Images in one network call; the last batch is padded to it.")
    batches_per_shard: Count = Field(
        10,
        description="Batches that one job draws; does not change the samples.",
        json_schema_extra=RUNTIME_ONLY,
    )
    seeds: Annotated[list[Seed], EachOnce] = Field(
        [0],
        min_length=1,
        description="One set of samples of each model for each seed, unless it has `sampling_seeds`.",
        json_schema_extra=RUNTIME_ONLY,
    )
    progressive_columns: Annotated[int, Field(ge=2, le=MOST)] = Field(
        20, description="Times at which x0-hat is kept for the progressive figures and figure 10."
    )
    steps: Count | Times | None = Field(
        None,
        description="Sample trained models in fewer steps: so many evenly spaced ones, or the t of each in "
        "1..T, ascending, the last of them T, where noise is all there is; null for all T.",
    )
    variance: FixedVariance | None = Field(
        None,
        description="Sample trained models with this reverse variance, beta_t or beta-tilde_t of the steps "
        "that are taken; null for each model's own.",
    )
    precision: Precision = "float32"
    compiled: Compiled = False

    @property
    def shards(self) -> int:
        """Number of sampling jobs for one set of samples."""
        return -(-self.images // (self.batch_size * self.batches_per_shard))

    def reverse_steps(self, timesteps: int) -> int:
        """Number of steps of a chain of a model with T = `timesteps`."""
        if self.steps is None:
            return timesteps
        return self.steps if isinstance(self.steps, int) else len(self.steps)

    def overrides(self, timesteps: int, variance: str) -> str:
        """How a model of this T and variance is sampled otherwise, in words; "" if it is not."""
        steps, found = self.reverse_steps(timesteps), []
        if steps != timesteps:
            found.append(f"sampled in {steps:,} of {timesteps:,} steps")
        if self.variance not in (None, variance):
            found.append(f"sampled with variance {self.variance}")
        return "; ".join(found)


class ModelSamplingSettings(Settings):
    """What of `sampling` is other for one model; null for that of all."""

    images: Count | None = Field(None, description="Samples for each sampling seed.")
    batch_size: Count | None = Field(None, description="Images in one network call.")
    batches_per_shard: Count | None = Field(None, description="Batches that one job draws.")

    def of(self, sampling: SamplingSettings) -> SamplingSettings:
        """The settings of all models with those of this one."""
        return sampling.model_copy(update=self.model_dump(exclude_none=True))


class LikelihoodSettings(Settings):
    """The variational bound (Eq. 5) over whole splits with all T terms, in bits/dim."""

    batch_size: Count = Field(500, description="Network inputs (image, t) in one call.")
    images_per_shard: Count = Field(
        1000,
        description="Images that one job evaluates; does not change the result.",
        json_schema_extra=RUNTIME_ONLY,
    )
    seed: Seed = Field(0, description="Seed of the noise in x_t, one draw for each image and t.")
    images: Count | None = Field(
        None,
        description="Evaluate the first so many images of each split for a preview; null for all.",
    )
    precision: Precision = "float32"
    compiled: Compiled = False

    def evaluated(self, split_size: int) -> int:
        """How many images of a split of that size are evaluated."""
        return split_size if self.images is None else min(self.images, split_size)

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
        0.97, description="Accuracy on the test split below which it is refused."
    )


class InceptionSettings(Settings):
    """torch-fidelity's port of the Inception network of 2015-12-05, whose features the paper compares."""

    kind: Literal["inception"]
    weights: FilePath = Field(
        "resources/weights-inception-2015-12-05-6726825d.pth",
        description="torch-fidelity's weights file. What lies under resources/ is fetched there "
        "(config/resources.yaml); any other path must exist.",
        json_schema_extra=RUNTIME_ONLY,
    )
    official: bool = Field(
        True,
        description="Accept only the weights whose SHA-256 config/resources.yaml names; false accepts any.",
    )
    sha256: Sha256 | None = Field(
        None, description="Hash that the weights must have instead of the official ones'; null for that."
    )

    @property
    def is_official(self) -> bool:
        """Whether they must be the official weights."""
        return self.official and self.sha256 is None


class NoFeatures(Settings):
    """No judge, for images without classes where Inception is not at hand: samples, curves and NLL alone."""

    kind: Literal["none"]


FeatureSettings = Annotated[ClassifierSettings | InceptionSettings | NoFeatures, Field(discriminator="kind")]


class QualitySettings(Settings):
    """Inception score, FID, KID, precision and recall through torch-fidelity (section 4.1)."""

    features: FeatureSettings = Field(
        NoFeatures(kind="none"), description="Whose features of images judge the samples."
    )
    batch_size: Count = Field(500, description="Images in one call of the feature extractor.")
    inception_splits: Count = Field(10, description="Splits of the inception score; fewer if n is small.")
    kid_subsets: Count = Field(100, description="Random subsets of KID.")
    kid_subset_size: Count = Field(1000, description="Images in a subset of KID; fewer if n is smaller.")
    neighbourhood: Count = Field(3, description="k of precision and recall's nearest neighbours.")
