"""Settings of the codes of Algorithms 3 and 4 and of bits-back coding (section 4.3)."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ddpm.study.base import Count, Name, Settings


class ScheduleSettings(Settings):
    """One code: the times that it passes through, fitted on the training split."""

    mode: Literal["progressive", "archive"] = Field(
        description="progressive: Algorithms 3 and 4, each image a stream of which any prefix is a picture; "
        "archive: bits-back coding, a set of images at the size of the bound."
    )
    variance: Literal["optimal", "fixed_large", "fixed_small", "model"] = Field(
        "optimal",
        description="sigma^2 of p(x_s | x_r): the best that is the same for all dimensions, beta or "
        "beta-tilde of the step, or the model's own, which has all T steps.",
    )
    last: Literal["best", "x_1"] = Field(
        "best",
        description="The latent that x_0 is decoded from: that of fewest bits, or x_1 as in the paper.",
    )
    steps: Count | Literal["all"] | None = Field(
        None, description="Latents of the code; null for as many as make the fewest bits, all for T."
    )


_SCHEDULES = {
    "progressive": ScheduleSettings(mode="progressive"),
    "progressive_x1": ScheduleSettings(mode="progressive", last="x_1"),
    "archive": ScheduleSettings(mode="archive", steps=20),
    "bound": ScheduleSettings(mode="archive", variance="model", last="x_1", steps="all"),
}


class CompressionSettings(Settings):
    """Images as files."""

    schedules: dict[Name, ScheduleSettings] = Field(
        _SCHEDULES,
        description="The codes by name. `bound` takes the paper's steps: its files have Table 1's length.",
    )
    training_images: Count = Field(
        100, description="Training images that the frequencies of a code are counted on."
    )
    images: Count | None = Field(
        None, description="Code the first so many test images for the table `compression`; null for all."
    )
    batch_size: Annotated[int, Field(ge=1, le=65535)] = Field(
        50, description="Images in a network call; a file of fewer images has calls of so many."
    )

    def coded(self, split_size: int) -> int:
        """How many images of a test split of that size are coded."""
        return split_size if self.images is None else min(self.images, split_size)
