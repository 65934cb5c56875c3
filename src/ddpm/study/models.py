"""Settings of a model: network, diffusion, training. Defaults are the paper's for CIFAR-10."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

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
    partial,
)
from ddpm.study.evaluation import ModelSamplingSettings
from ddpm.study.pretrained import PretrainedSettings

# Beyond any network that a machine holds; what is larger is a slip of the keyboard.
Width = Annotated[int, Field(ge=1, le=65_536)]
Multiple = Annotated[int, Field(ge=1, le=1024)]
LEAST_CHANNELS = 4


class NetworkSettings(Settings):
    """The U-Net (paper: appendix B)."""

    channels: Width = Field(128, description="Channels of the first level.")
    channel_multipliers: list[Multiple] = Field(
        [1, 2, 2, 2],
        min_length=1,
        max_length=16,
        description="Channels of each resolution, as multiples of `channels`.",
    )
    residual_blocks: Multiple = Field(2, description="Residual blocks at each resolution.")
    attention_resolutions: Annotated[list[Count], EachOnce] = Field(
        [16], description="Image heights at which blocks attend."
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = Field(0.1, description="Dropout rate in residual blocks.")
    groups: Width = Field(32, description="Groups of each GroupNorm; must divide the channels of each level.")

    @model_validator(mode="after")
    def _fits_together(self) -> NetworkSettings:
        if self.channels < LEAST_CHANNELS:
            raise ValueError(
                f"channels: {self.channels} are too few: the timestep embedding needs at least "
                f"{LEAST_CHANNELS}, two frequencies of a sine and a cosine"
            )
        # Multiples of the first level's channels are divided too.
        if self.channels % self.groups:
            raise ValueError(
                f"groups: {self.groups} groups do not divide a level of {self.channels} channels; "
                "lower `groups` or change `channels`"
            )
        if self.channels % 2:
            raise ValueError(f"channels: {self.channels} is odd; the timestep embedding needs an even number")
        return self


class DiffusionSettings(Settings):
    """The forward process q and how the reverse process p is parameterised and trained (section 3)."""

    timesteps: Annotated[int, Field(ge=2, le=1_000_000)] = Field(1000, description="T.")
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
    def _fits_together(self) -> DiffusionSettings:
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
    warmup_steps: Annotated[int, Field(ge=0, le=MOST)] = Field(
        5000, description="Updates over which the learning rate rises from 0."
    )
    gradient_clip: Annotated[float, Field(gt=0)] | None = Field(
        1.0, description="Largest global norm of the gradient; null for no clipping."
    )
    gradient_clip_shards: Count = Field(
        1,
        description="Equal parts of a batch whose mean gradients are clipped apart, then averaged; 1 clips "
        "that of the whole batch. (Authors' code: 8, one for each TPU core.)",
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
    precision: Precision = "float32"
    compiled: Compiled = False
    gradient_accumulation: Count = Field(
        1,
        description="Equal parts in which a batch (each shard of it, in each process) is computed one after "
        "another, for less memory. Changes rounding, no more.",
        json_schema_extra=RUNTIME_ONLY,
    )
    activation_checkpointing: bool = Field(
        False,
        description="Compute the activations of each block again in the backward pass instead of keeping "
        "them: less memory, up to a third more time, the same results.",
        json_schema_extra=RUNTIME_ONLY,
    )
    save_every_minutes: Annotated[float, Field(ge=0)] = Field(
        10.0, description="Time between saves of the resumable state.", json_schema_extra=RUNTIME_ONLY
    )

    @model_validator(mode="after")
    def _parts_divide_the_batch(self) -> TrainingSettings:
        if self.batch_size % self.gradient_clip_shards:
            raise ValueError(
                f"gradient_clip_shards: {self.gradient_clip_shards} parts do not divide a batch of "
                f"{self.batch_size}; change one of them"
            )
        shard = self.batch_size // self.gradient_clip_shards
        if shard % self.gradient_accumulation:
            of = "batch" if self.gradient_clip_shards == 1 else "shard"
            raise ValueError(
                f"gradient_accumulation: {self.gradient_accumulation} parts do not divide a {of} of {shard} "
                "images; change one of them"
            )
        return self


class CheckpointSettings(Settings):
    """Which of a run's averaged weights are evaluated (the paper: those of minimum FID)."""

    steps: list[Count] = Field(
        [], description="Steps at which the averaged weights are kept; those of the last step always are."
    )
    evaluate: Literal["last", "minimum_fid"] | Count = Field(
        "last",
        description="The weights that are evaluated: of the last step, of minimum FID, or of this step.",
    )
    images: Count = Field(
        5000, description="Samples of each checkpoint whose FID against the training split is compared."
    )
    seed: Seed = Field(
        2**31, description="Sampling seed of those samples; other than those of the final samples."
    )

    @model_validator(mode="after")
    def _steps_ascend(self) -> CheckpointSettings:
        if self.steps != sorted(set(self.steps)):
            raise ValueError(f"steps: {self.steps} must ascend, each step once")
        return self


class ModelSettings(Settings):
    """One model: a data set, a network, a diffusion process, its training, and how many seeds."""

    dataset: Name = Field(description="A key of `datasets`.")
    network: NetworkSettings = NetworkSettings()
    diffusion: DiffusionSettings = DiffusionSettings()
    training: TrainingSettings = TrainingSettings()
    checkpoints: CheckpointSettings = CheckpointSettings()
    pretrained: PretrainedSettings | None = Field(
        None, description="Weights to evaluate instead of training: published ones, or another model's."
    )
    seeds: Annotated[list[Seed], EachOnce] = Field(
        [0], min_length=1, description="One training run for each seed."
    )
    samples: FilePath | None = Field(
        None,
        description="Images that stand for this model's samples: an .npz file with one uint8 array "
        "[N, H, W, 3] or [N, H, W], or a folder of PNG files in the order of their names. Nothing is trained "
        "or sampled.",
    )
    sampling: ModelSamplingSettings = Field(
        ModelSamplingSettings(), description="What of `sampling` is other for this model."
    )
    sampling_seeds: Annotated[list[Seed] | None, EachOnce] = Field(
        None,
        min_length=1,
        description="One set of samples for each seed; null for those of `sampling.seeds`.",
        json_schema_extra=RUNTIME_ONLY,
    )

    @property
    def weights_of(self) -> str | None:
        """The other model of the study whose weights are used; None for weights of its own."""
        return None if self.pretrained is None else self.pretrained.model

    @property
    def is_trained(self) -> bool:
        """Whether it is trained here: it has neither others' weights nor others' samples."""
        return self.pretrained is None and self.samples is None

    @property
    def candidates(self) -> list[int]:
        """Steps whose weights `checkpoints.evaluate: minimum_fid` compares: those kept and the last."""
        return [*self.checkpoints.steps, self.training.steps]

    @model_validator(mode="after")
    def _fits_together(self) -> ModelSettings:
        steps, evaluate, last = self.checkpoints.steps, self.checkpoints.evaluate, self.training.steps
        if steps and steps[-1] >= last:
            raise ValueError(f"checkpoints: step {steps[-1]} does not lie before the last, {last}; remove it")
        if isinstance(evaluate, int) and evaluate not in self.candidates:
            raise ValueError(f"checkpoints: evaluate: step {evaluate} is not kept; add it to `steps`")
        if self.pretrained is not None and self.weights_of is None and len(self.seeds) > 1:
            raise ValueError("seeds: published weights are one training run; give one seed")
        if self.samples is not None:
            self._stands_alone()
        return self

    def _stands_alone(self) -> None:
        if self.pretrained is not None:
            raise ValueError("samples: the model has `pretrained` weights too; remove one of them")
        if len(self.seeds) > 1 or len(self.sampling_seeds or [0]) > 1:
            raise ValueError("samples: are one set of images; give one of `seeds` and `sampling_seeds`")


PartialModelSettings = partial(ModelSettings)
