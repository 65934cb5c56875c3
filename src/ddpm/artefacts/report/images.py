"""Images within the report, so that it is one file and stays below 10 MB."""

from __future__ import annotations

import base64
import io
from pathlib import Path

import numpy as np
from PIL import Image

# Bytes; of the demo none is larger.
_LARGEST_PNG = 2**18
_WIDEST = 1600  # pixels of a large photograph: all that a page of 62 rem shows on a fine screen
_SAMPLE = 48  # pixels of a sample at the report's head, at least; twice as many at most
_GAP = 4


def embedded(png: Path) -> str:
    """A figure's image as a URL; one of many large photographs as WebP, at most 1,600 pixels wide."""
    content = png.read_bytes()
    if len(content) <= _LARGEST_PNG:
        return _url(content, "png")
    with Image.open(png) as image:
        picture = image.convert("RGB")
    if picture.width > _WIDEST:
        size = (_WIDEST, round(picture.height * _WIDEST / picture.width))
        picture = picture.resize(size, Image.Resampling.LANCZOS)
    return _encoded(picture, "webp", quality=85)


def strip(samples: np.ndarray) -> str:
    """Samples side by side as the URL of an image.

    Args:
        samples: uint8 [n, C, H, W], n > 0.
    """
    tiles = [_tile(sample) for sample in samples.transpose(0, 2, 3, 1)]
    width, height = tiles[0].size
    # Transparent between them, on a page of any colour.
    picture = Image.new("RGBA", (len(tiles) * (width + _GAP) - _GAP, height))
    for number, tile in enumerate(tiles):
        picture.paste(tile, (number * (width + _GAP), 0))
    return _encoded(picture, "png", optimize=True)


def _tile(sample: np.ndarray) -> Image.Image:
    """One sample, uint8 [H, W, C], in a size to be looked at."""
    picture = Image.fromarray(sample[..., 0] if sample.shape[2] == 1 else sample)
    if picture.height < _SAMPLE:
        factor = -(-_SAMPLE // picture.height)
        return picture.resize((picture.width * factor, picture.height * factor), Image.Resampling.NEAREST)
    width = round(picture.width * 2 * _SAMPLE / picture.height)
    return picture.resize((width, 2 * _SAMPLE), Image.Resampling.LANCZOS)


def _encoded(picture: Image.Image, kind: str, **options: object) -> str:
    with io.BytesIO() as file:
        picture.save(file, kind, **options)
        return _url(file.getvalue(), kind)


def _url(content: bytes, kind: str) -> str:
    return f"data:image/{kind};base64,{base64.b64encode(content).decode('ascii')}"
