"""Settings of weights that stand in for training."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, model_validator

from ddpm.study.base import FETCHED_NAME, RUNTIME_ONLY, FilePath, Name, Settings


class PretrainedSettings(Settings):
    """Weights that stand in for training: a file or folder, a Hugging Face repository, or another model's.

    Understood are diffusers' UNet2DModel, the authors' TensorFlow variables as .npz, pesser's checkpoints,
    and this project's own weights.
    """

    file: FilePath | None = Field(
        None,
        description="File of weights, the index of its shards, or a folder of diffusers' layout; below "
        "resources/huggingface/ as <owner>/<name>/<revision>/<file>.",
    )
    repository: str | None = Field(
        None, pattern=r"^[\w.-]+/[\w.-]+$", description="Hugging Face repository, owner/name."
    )
    revision: str = Field("main", pattern=r"^[\w.-]+$", description="Its branch, tag or commit.")
    repository_file: str = Field(
        "diffusion_pytorch_model.safetensors",
        pattern=r"^[\w./-]+$",
        description="Path within the repository.",
    )
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="Hash that the file of weights must have; null to take it as it is."
    )
    averaged: bool | None = Field(
        None, description="Whether they are averaged (EMA) weights, for the tables' notes; null if unknown."
    )

    # No part of fingerprints itself: those of the other model's weights are.
    model: Name | None = Field(
        None,
        description="Another model of this study, whose evaluated weights this one samples with its own "
        "variance; seed by seed.",
        json_schema_extra=RUNTIME_ONLY,
    )

    @model_validator(mode="after")
    def _plain_names(self) -> PretrainedSettings:
        for key in ("repository", "revision", "repository_file"):
            value = getattr(self, key)
            if value is not None and not all(map(FETCHED_NAME.fullmatch, value.split("/"))):
                raise ValueError(f"{key}: {value!r} is no name of what a repository holds; correct it")
        return self

    @model_validator(mode="after")
    def _one_place(self) -> PretrainedSettings:
        if sum(place is not None for place in (self.file, self.repository, self.model)) != 1:
            raise ValueError("give either `file`, `repository` or `model`")
        if self.model is not None and (self.sha256, self.averaged) != (None, None):
            raise ValueError("model: its weights are this study's own; remove `sha256` and `averaged`")
        return self
