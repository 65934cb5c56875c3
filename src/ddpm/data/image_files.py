"""One image of a stranger's file, as 8-bit pixels of a wanted size, or an error that names the file."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

from PIL import Image, ImageFile, ImageOps, UnidentifiedImageError

from ddpm.errors import DataError
from ddpm.records.reading import unreadable
from ddpm.study.datasets import ImageFolderSettings

# What is read, whatever a file's name says. None of them starts another program, as PIL's EPS does, and the
# ones that may have more than 8 bits a channel say so.
FORMATS = ("PNG", "JPEG", "BMP", "GIF", "WEBP", "PPM", "TIFF")
_DEEP_MODES = ("I", "F")
_BITS_PER_SAMPLE = 258


def read_image(path: Path, settings: ImageFolderSettings) -> Image.Image:
    """The image upright, opaque, in grey levels or colours, `image_size` pixels high and wide.

    The size in its header is compared before anything is decoded.

    Raises:
        DataError: it cannot be read, has more than 8 bits a channel, more pixels than PIL's limit, or (`fit:
            exact`) another size.
    """
    with _told(str(path), lambda error: _reason(path, error)), warnings.catch_warnings():
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        with Image.open(path, formats=FORMATS) as file:
            _check_size(path, file, settings)
            _check_depth(str(path), file)
            return _fitted(_plain(file, settings.channels), settings)


def decode_image(name: str, content: bytes, check: Callable[[Image.Image], None]) -> Image.Image:
    """The image of a file's content, upright, opaque, in colours.

    Args:
        name: of the file, for messages.
        content: of the file.
        check: called before anything is decoded; raises DataError if the size in the header will not do.

    Raises:
        DataError: it cannot be read, or has more than 8 bits a channel.
    """
    with (
        _told(name, lambda error: f"{error if content else 'it is empty'}; replace it"),
        _opened(content) as file,
    ):
        check(file)
        _check_depth(name, file)
        return _plain(file, 3)


def _opened(content: bytes) -> Image.Image:
    try:
        return Image.open(io.BytesIO(content), formats=FORMATS)
    except UnidentifiedImageError as error:
        # Pillow's message would name an object in memory.
        raise ValueError("of no known format") from error


@contextlib.contextmanager
def _told(name: str, reason: Callable[[Exception], str]) -> Iterator[None]:
    """Names the file in whatever goes wrong with it."""
    try:
        yield
    except DataError:
        raise
    except (Image.DecompressionBombWarning, Image.DecompressionBombError) as error:
        raise DataError(
            f"{name}: has too many pixels to be decoded safely ({error}); make it smaller or remove it"
        ) from error
    except MemoryError as error:
        raise DataError(f"{name}: takes more memory than there is; make it smaller or remove it") from error
    # Of a damaged file, PIL's decoders raise almost anything.
    except Exception as error:
        raise DataError(f"{name}: cannot be read as an image ({reason(error)})") from error


def central_square(width: int, height: int) -> tuple[int, int, int, int]:
    """The largest square in the middle of an image: left, upper, right, lower in pixels.

    Where the middle lies between two pixels, the one to the left, or above, is taken.
    """
    side = min(width, height)
    left, upper = (width - side) // 2, (height - side) // 2
    return left, upper, left + side, upper + side


def _check_size(path: Path, file: Image.Image, settings: ImageFolderSettings) -> None:
    size = settings.image_size
    # Of a square, the EXIF orientation changes nothing.
    if settings.fit == "exact" and file.size != (size, size):
        raise DataError(
            f"{path}: is {file.width}x{file.height} pixels, not {size}x{size}; set `image_size` to its size, "
            "or `fit: crop` to cut out and resize the middle of each image"
        )


def _check_depth(name: str, file: Image.Image) -> None:
    if _is_deep(file):
        raise DataError(
            f"{name}: has more than 8 bits a channel ({file.format}, mode {file.mode}); convert it to 8 bits"
        )


def _is_deep(file: Image.Image) -> bool:
    """Whether a channel has more than 8 bits in the file; PIL would cut colours to 8 without a word."""
    if file.mode.startswith(_DEEP_MODES):
        return True
    if file.format == "TIFF" and max(getattr(file, "tag_v2", {}).get(_BITS_PER_SAMPLE, (1,))) > 8:
        return True
    tiles = file.tile if isinstance(file, ImageFile.ImageFile) else []
    for tile in tiles:
        arguments = tile.args if isinstance(tile.args, tuple) else (tile.args,)
        if any(";16" in str(argument) for argument in arguments):
            return True
        # The largest value of PPM.
        if tile.codec_name.startswith("ppm") and isinstance(arguments[-1], int) and arguments[-1] > 255:
            return True
    return False


def _plain(file: Image.Image, channels: int) -> Image.Image:
    """The first frame upright and laid on white, grey or in colours."""
    image = ImageOps.exif_transpose(file)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
    return image.convert("L" if channels == 1 else "RGB")


def _fitted(image: Image.Image, settings: ImageFolderSettings) -> Image.Image:
    if settings.fit == "exact":
        return image
    image = image.crop(central_square(*image.size))
    # PIL's filter widens with the scale, which is the antialiasing; an image of that size stays as it is.
    size = (settings.image_size, settings.image_size)
    return image.resize(size, Image.Resampling.LANCZOS)


def _reason(path: Path, error: Exception) -> str:
    """Why, and what to do."""
    if reason := unreadable(path):
        return reason
    return f"{error if path.stat().st_size else 'it is empty'}; replace or remove it"
