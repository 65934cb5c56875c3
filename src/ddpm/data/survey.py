"""Looks through folders of a stranger's images: what a study of them would need to know."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from ddpm.data.folders import list_images
from ddpm.data.image_files import FORMATS, read_image
from ddpm.data.image_folder import class_names, image_files, listed
from ddpm.data.sufficiency import FEWEST_OF_A_CLASS
from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.resources.registry import FOLDER
from ddpm.study.datasets import ImageFolderSettings
from ddpm.study.own_images import SIZES, OwnImages

# So many are looked at for size and colour. Of a folder without splits, one in TEST_SHARE is held out.
LOOKED_AT = 200
TEST_SHARE, MOST_TEST_IMAGES = 5, 1000
FEWEST = 10


def survey(folder: str) -> OwnImages:
    """What a study of a folder's images needs to know.

    A folder that holds `train` and `test` has its splits; of another, test images are held out.

    Raises:
        DataError: there are too few images, images lie beside folders of images, or none can be read.
    """
    train, test = folder, None
    if all(Path(folder, part).is_dir() for part in ("train", "test")):
        train, test = str(Path(folder, "train")), str(Path(folder, "test"))
    files = image_files(train, "train")
    classes = class_names(train, files)
    count = len(files)
    test_images = len(list_images(test).images) if test else min(count // TEST_SHARE, MOST_TEST_IMAGES)
    if count < FEWEST or (test and test_images < FEWEST_OF_A_CLASS):
        raise DataError(
            f"{folder}: {count} images are too few to train on; give a folder of {FEWEST} or more"
        )
    sides, is_grey = _look([Path(train, file) for file in files])
    size = max((size for size in SIZES if size <= np.median(sides)), default=SIZES[0])
    return OwnImages(
        train=train,
        test=test,
        train_images=count if test else count - test_images,
        test_images=test_images,
        size=size,
        crop=any(side != (size, size) for side in sides),
        channels=1 if is_grey else 3,
        judge=_judge(files, classes),
    )


def unusable_images(settings: ImageFolderSettings) -> Iterator[str]:
    """Reads every image of the two splits; a line for each that cannot be used, with the remedy.

    Raises:
        DataError: as `ddpm.data.image_folder.listed`.
    """
    for split in listed(settings):
        with Progress(f"read {split.folder}", len(split.files), "images") as progress:
            for file in split.files:
                try:
                    read_image(Path(split.folder, file), settings)
                except DataError as error:
                    yield str(error)
                progress.advance()


def _look(paths: Sequence[Path]) -> tuple[list[tuple[int, int]], bool]:
    """Width and height of some images, spread over all of them, and whether all are grey."""
    sizes, is_grey = [], True
    for path in itertools.islice(paths, 0, None, -(-len(paths) // LOOKED_AT)):
        try:
            with Image.open(path, formats=FORMATS) as image:
                sizes.append(image.size)
                is_grey = is_grey and _is_grey(image)
        except Exception:
            continue  # `ddpm check` and `ddpm data` tell of it
    if not sizes:
        raise DataError(f"{paths[0]}: cannot be read as an image, nor can others beside it; replace them")
    return sizes, is_grey


def _is_grey(image: Image.Image) -> bool:
    if image.mode in ("1", "L", "LA"):
        return True
    image.thumbnail((64, 64))
    red, green, blue = (np.asarray(channel) for channel in image.convert("RGB").split())
    return bool((red == green).all() and (green == blue).all())


def _judge(files: Sequence[Path], classes: Sequence[str]) -> str:
    """A classifier where there are classes; else Inception where its weights are at hand."""
    counts = [sum(file.parts[0] == name for file in files) for name in classes]
    if len(classes) >= 2 and min(counts) > TEST_SHARE * FEWEST_OF_A_CLASS:
        return "classifier"
    from ddpm.study.evaluation import InceptionSettings

    weights = Path(str(InceptionSettings.model_fields["weights"].default))
    assert weights.parts[0] == str(FOLDER)
    return "inception" if weights.is_file() else "none"
