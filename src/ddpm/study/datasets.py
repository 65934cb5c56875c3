"""Settings of data sets, by source."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from ddpm.study.base import Seed, Settings


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
