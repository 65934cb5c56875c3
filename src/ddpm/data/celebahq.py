"""CelebA-HQ as 8-bit arrays, from images of the wanted size or of 2, 4, 8 ... times it."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import numpy as np
from PIL import Image

from ddpm.data.box import box_average, halvings
from ddpm.data.faces import Faces, find_faces
from ddpm.data.image_files import decode_image
from ddpm.data.pool import in_order
from ddpm.data.splits import ImageStream, Splits, without_test_images
from ddpm.errors import DataError
from ddpm.progress import Progress
from ddpm.study.datasets import CelebaHqSettings


def load_celebahq(settings: CelebaHqSettings) -> Splits:
    """All images as the training split; each is read when it is asked for.

    Returns:
        Images uint8 [images, 3, size, size] in [0, 255], in the order of their names, or of the rows of
        parquet; labels are zeros.

    Raises:
        DataError: nothing is found, or another number of images than `images`; when it is asked for, an image
            that cannot be read or has another size.
    """
    faces = find_all_faces(settings)
    return without_test_images(ImageStream((faces.count, *settings.image_shape), _images(faces, settings)))


def find_all_faces(settings: CelebaHqSettings) -> Faces:
    """The images, of which none is opened.

    Raises:
        DataError: nothing is found, or another number of images than `images`.
    """
    faces = find_faces(settings.path)
    if faces.count != settings.images:
        raise DataError(
            f"{settings.path}: holds {faces.count:,} images where `images` says {settings.images:,}; set "
            f"`images: {faces.count}` if that is what you want, or give all of CelebA-HQ"
        )
    return faces


def _images(faces: Faces, settings: CelebaHqSettings) -> Iterator[np.ndarray]:
    decode = functools.partial(_decoded, size=settings.image_size)
    with Progress(f"read {settings.path}", faces.count, "images") as progress:
        for image in in_order(decode, faces.contents()):
            yield image
            progress.advance()


def _decoded(face: tuple[str, bytes], size: int) -> np.ndarray:
    name, content = face

    def check(file: Image.Image) -> None:
        if file.width != file.height or halvings(file.width, size) is None:
            raise DataError(
                f"{name}: is {file.width}x{file.height} pixels, not {size}x{size} or 2, 4, 8 ... times that; "
                "set `image_size` to the size of the images, or a half or a quarter ... of it"
            )

    pixels = np.asarray(decode_image(name, content, check))
    times = halvings(len(pixels), size)
    assert times is not None
    return np.ascontiguousarray(box_average(pixels, times).transpose(2, 0, 1))
