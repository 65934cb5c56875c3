"""Settings of data sets, by source."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from ddpm.study.base import RUNTIME_ONLY, Count, FilePath, Seed, Settings, Sha256


class DigitsSettings(Settings):
    """scikit-learn's 1,797 handwritten digits, 8x8 grey images, split once into train and test."""

    # Channels, height, width.
    image_shape: ClassVar[tuple[int, int, int]] = (1, 8, 8)
    has_test_images: ClassVar[bool] = True
    reference_images: ClassVar[None] = None

    source: Literal["digits"]
    test_images: Annotated[int, Field(ge=10, le=1787)] = Field(
        500, description="Images held out for testing, stratified by digit."
    )
    split_seed: Seed = Field(0, description="Seed of the train/test split.")

    @property
    def split_sizes(self) -> dict[str, int]:
        """Number of images of each split."""
        return {"train": 1797 - self.test_images, "test": self.test_images}


class Cifar10Settings(Settings):
    """CIFAR-10's 60,000 colour images, 32x32, in the official split."""

    # Channels, height, width.
    image_shape: ClassVar[tuple[int, int, int]] = (3, 32, 32)
    has_test_images: ClassVar[bool] = True
    reference_images: ClassVar[None] = None

    source: Literal["cifar10"]
    archive: str = Field(
        "resources/cifar-10-python.tar.gz",
        description="The official archive, or the folder cifar-10-batches-py unpacked from it. What lies "
        "under resources/ is fetched there (config/resources.yaml); any other path must exist.",
        json_schema_extra=RUNTIME_ONLY,
    )
    official: bool = Field(
        True,
        description="Accept only the content that config/resources.yaml names (SHA-256 of the archive) or, "
        "of a folder, that torchvision knows (MD5 of each file); false accepts any content of this format.",
    )
    sha256: Sha256 | None = Field(
        None, description="Hash that the archive must have instead of the official one's; null for that."
    )
    train_images: Count = Field(50_000, description="Images that the training batches must hold.")
    test_images: Count = Field(10_000, description="Images that the test batch must hold.")

    @property
    def is_pinned(self) -> bool:
        """Whether the settings say which content it must have, so that another is an error."""
        return self.official or self.sha256 is not None

    @property
    def is_official(self) -> bool:
        """Whether it must be the official content."""
        return self.official and self.sha256 is None

    @property
    def split_sizes(self) -> dict[str, int]:
        """Number of images of each split."""
        return {"train": self.train_images, "test": self.test_images}


class ImageFolderSettings(Settings):
    """Square images in folders of your own; folders within them, if any, are classes."""

    has_test_images: ClassVar[bool] = True
    reference_images: ClassVar[None] = None

    source: Literal["image_folder"]
    train: str = Field(
        description="Folder of the training images; of all images, if `test_images` are held out of them.",
        json_schema_extra=RUNTIME_ONLY,
    )
    test: str | None = Field(
        None,
        description="Folder of the test images; null with `test_images`.",
        json_schema_extra=RUNTIME_ONLY,
    )
    test_images: Count | None = Field(
        None,
        description="Without `test`: so many images of `train`, of each class its share, are for testing.",
    )
    split_seed: Seed = Field(0, description="With `test_images`: seed of the lots.")
    image_size: Annotated[int, Field(ge=4)] = Field(description="Height and width, pixels.")
    channels: Literal[1, 3] = Field(3, description="1 for grey images, 3 for colour.")
    fit: Literal["exact", "crop"] = Field(
        "exact",
        description="exact: every image must have that size; crop: the central square, smoothly resized.",
    )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (self.channels, self.image_size, self.image_size)

    @property
    def folders(self) -> dict[str, str]:
        """The folders that are read, by split; with `test_images` that of all images."""
        return {"train": self.train} | ({} if self.test is None else {"test": self.test})

    @model_validator(mode="after")
    def _apart(self) -> ImageFolderSettings:
        if (self.test is None) == (self.test_images is None):
            raise ValueError(
                "test: give either `test`, a folder of test images, or `test_images`, how many images "
                "of `train` are held out for testing"
            )
        if self.test is None:
            return self
        train, test = Path(self.train).resolve(), Path(self.test).resolve()
        if test.is_relative_to(train) or train.is_relative_to(test):
            raise ValueError(
                f"train and test: one of {self.train} and {self.test} lies within the other, so that images "
                "belong to both; give two folders beside each other"
            )
        return self


class LsunSettings(Settings):
    """A category of LSUN from its lmdb, cut and resized as StyleGAN2's tool does; no test images."""

    has_test_images: ClassVar[bool] = False

    source: Literal["lsun"]
    archive: FilePath = Field(
        description="The unpacked folder that holds data.mdb, or the official .zip of it.",
        json_schema_extra=RUNTIME_ONLY,
    )
    images: Count | None = Field(
        None, description="The first so many sound records, in the lmdb's order of keys; null for all."
    )
    image_size: Annotated[int, Field(ge=4)] = Field(256, description="Height and width, pixels.")
    # Decides what samples are compared with, not what is packed and trained on.
    reference_images: Count | None = Field(
        50_000,
        description="FID compares with the first so many training images (StyleGAN2's protocol); null for "
        "all.",
        json_schema_extra=RUNTIME_ONLY,
    )

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (3, self.image_size, self.image_size)

    @property
    def split_sizes(self) -> dict[str, int]:
        """Number of images of each split, as far as it stands here (ddpm.graph.sources knows all)."""
        return {"test": 0} | ({} if self.images is None else {"train": self.images})


class CelebaHqSettings(Settings):
    """CelebA-HQ's 30,000 faces, from files of this size or of 2, 4, 8 ... times it; no test images."""

    has_test_images: ClassVar[bool] = False
    reference_images: ClassVar[None] = None

    source: Literal["celebahq"]
    path: FilePath = Field(
        description="A folder of images, a tar of them, or Hugging Face's parquet (a file or a folder).",
        json_schema_extra=RUNTIME_ONLY,
    )
    images: Count = Field(30_000, description="Images that must be there.")
    image_size: Annotated[int, Field(ge=4)] = Field(256, description="Height and width, pixels.")

    @property
    def image_shape(self) -> tuple[int, int, int]:
        """Channels, height, width."""
        return (3, self.image_size, self.image_size)

    @property
    def split_sizes(self) -> dict[str, int]:
        """Number of images of each split."""
        return {"train": self.images, "test": 0}


DatasetSettings = Annotated[
    DigitsSettings | Cifar10Settings | ImageFolderSettings | LsunSettings | CelebaHqSettings,
    Field(discriminator="source"),
]
"""Each also has `image_shape`, `has_test_images`, and `reference_images`: the images that FID compares with
are the first so many of the training split, or all (None)."""
