"""LSUN from its lmdb as 8-bit arrays, cut and resized as StyleGAN2's tool does."""

from __future__ import annotations

import functools
import io
from collections.abc import Generator

import numpy as np
import PIL
from PIL import Image, UnidentifiedImageError

from ddpm.data import lmdb_file
from ddpm.data.image_files import central_square
from ddpm.data.lsun_archive import wanted_records
from ddpm.data.pool import in_order
from ddpm.data.splits import Record, RecordStream, Splits, without_test_images
from ddpm.graph.fingerprint import fingerprint
from ddpm.study.datasets import LsunSettings

# The archives hold webp today; they held jpeg once.
_FORMATS = ("WEBP", "JPEG", "PNG")
# A key keeps its bytes in this encoding, whatever they are.
_KEYS = "latin-1"


def load_lsun(settings: LsunSettings) -> Splits:
    """The images of an unpacked lmdb, in the order of its keys, as the training split.

    Returns:
        Images uint8 [n, 3, size, size] in [0, 255]: the first `images` sound ones, or all; labels are zeros.

    Raises:
        DataError: the lmdb is not there, or damaged, or holds fewer records than `images`.
    """
    wanted = wanted_records(settings.archive, settings.images)
    with lmdb_file.opened(settings.archive) as database:
        digest = database.digest()
    stream = RecordStream(
        origin=settings.archive,
        # Of another version, a decoder may round otherwise.
        identity=fingerprint(settings, digest, PIL.__version__),
        shape=(wanted, *settings.image_shape),
        fewest=settings.images or 1,
        records=functools.partial(_records, settings),
    )
    return without_test_images(stream)


def _records(settings: LsunSettings, after: str | None) -> Generator[Record, None, None]:
    decode = functools.partial(_decoded, size=settings.image_size)
    with lmdb_file.opened(settings.archive) as database:
        yield from in_order(decode, database.records(None if after is None else after.encode(_KEYS)))


def _decoded(record: tuple[bytes, bytes], size: int) -> Record:
    """StyleGAN2's `create_lsun`: the central square, resized by PIL's Lanczos filter (ANTIALIAS then)."""
    key, value = record
    name = key.decode(_KEYS)
    try:
        with Image.open(io.BytesIO(value), formats=_FORMATS) as file:
            if file.width * file.height > (Image.MAX_IMAGE_PIXELS or np.inf):
                raise ValueError("has too many pixels")
            image = file.convert("RGB")
    except UnidentifiedImageError:
        return Record(name, None, f"{len(value):,} bytes that are no image")
    except MemoryError:
        raise
    # Of a damaged file, PIL's decoders raise almost anything.
    except Exception as error:
        return Record(name, None, str(error) or type(error).__name__)
    # Pillow resizes an image that has the size already to itself.
    image = image.crop(central_square(*image.size)).resize((size, size), Image.Resampling.LANCZOS)
    return Record(name, np.ascontiguousarray(np.asarray(image).transpose(2, 0, 1)))
