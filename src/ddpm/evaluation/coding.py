"""What a code makes of test images: bits by part, rate and distortion as they were sent, and yardsticks."""

from __future__ import annotations

import dataclasses
import io
import math
from collections.abc import Callable, Sequence

import numpy as np
from PIL import Image, features

from ddpm.compression.codec import Codec, Compressed, Names
from ddpm.compression.file_format import read
from ddpm.compression.progressive import Sent
from ddpm.errors import DataError
from ddpm.evaluation.protocol import Score
from ddpm.evaluation.rate_distortion import GREY_LEVELS

# Parts of a file (`ddpm.compression.codec.Compressed`) by the metric that they are measured as.
PARTS = {
    "chunk counts": "coded chunk counts",
    "indices": "coded indices",
    "x_0": "coded x_0",
    "rounding": "coded rounding",
    "images": "coded images",
    "initial": "coded initial bits",
    "header": "coded header",
}
TOTAL, IDEAL, LATENTS = "coded bits", "coded ideal bits", "coded latents"
RATE, RMSE = "coded rate", "coded RMSE"
WATCHED = 8  # images whose pictures are kept
# Lossless formats for comparison, each image a file of its own, by what Pillow calls them.
YARDSTICKS: dict[str, tuple[str, dict[str, object], str]] = {
    "PNG": ("PNG", {"optimize": True}, ""),
    "WebP": ("WEBP", {"lossless": True, "quality": 100, "method": 6}, "webp"),
    "AVIF": ("AVIF", {"quality": 100, "subsampling": "4:4:4"}, "avif"),
}


@dataclasses.dataclass(frozen=True)
class Coded:
    """What was measured of a code.

    Attributes:
        scores: bits/dim of the whole and of each part.
        times: t of the latents in 1..T; none in archive mode.
        latents: of each, the rate when it had been sent (bits/dim) and the RMSE of x_0-hat (grey levels).
        pictures: x_0-hat of each latent for the first images, uint8 [latents, images, C, H, W].
        rates: bits/dim of each of these images when the latent had been sent, float64 [latents, images].
    """

    scores: list[Score]
    times: list[int]
    latents: list[list[Score]]
    pictures: np.ndarray
    rates: np.ndarray


def measured_code(codec: Codec, pixels: np.ndarray, names: Names, told: Callable[[int], None]) -> Coded:
    """Codes images, decodes the file, and counts.

    Args:
        codec: the codec.
        pixels: uint8 [n, C, H, W]: test images.
        names: for the header.
        told: called with the number of images after each network call.

    Raises:
        DataError: an image did not come back to the bit.
    """
    found = codec.compress(pixels, names, told, WATCHED)
    back = codec.decompress(read(found.content, names.schedule), told=told)
    if wrong := [number for number, exact in enumerate(back.lossless) if not exact]:
        raise DataError(
            f"{names.model}, schedule {names.schedule}: images {wrong[:5]} do not come back to the bit: "
            "the network's outputs differ between two calls here; run it on one device and --threads"
        )
    scores, watched = _bits(codec, found, pixels), found.sent[:WATCHED]
    if not watched:
        return dataclasses.replace(no_code(pixels.shape[1:]), scores=scores)
    times = [t + 1 for t in codec.code.schedule.times]
    pictures = np.stack([image.pictures for image in watched], axis=1)
    rates = np.array([image.after[: len(times)] for image in watched]).T / pixels[0].size
    return Coded(scores, times, _latent_scores(found.sent, pixels), pictures, rates)


def no_code(shape: tuple[int, ...]) -> Coded:
    """What is measured where training diverged or the bound is not finite: nothing of 0 images."""
    score = Score(TOTAL, "test", math.nan, None, 0, "no code: there is no finite model")
    return Coded([score], [], [], np.zeros((0, 0, *shape), np.uint8), np.zeros((0, 0)))


def _bits(codec: Codec, found: Compressed, pixels: np.ndarray) -> list[Score]:
    """Bits/dim of the whole, without header and initial bits, and of each part."""
    images, dimensions = len(pixels), pixels[0].size
    steps = len(codec.code.schedule.times)
    protocol = f"{codec.code.mode} mode, {steps} latents; all {images:,} images decoded and equal to the bit"
    if found.raw:
        protocol += f"; {found.raw:,} stored without the model"

    def score(metric: str, bits: float, error: float | None = None) -> Score:
        return Score(metric, "test", bits / dimensions / images, error, images, protocol)

    body = [bits for part, bits in found.bits.items() if part not in ("header", "initial")]
    scores = [score(TOTAL, sum(body), _error([8 * len(image.stream) / dimensions for image in found.sent]))]
    if found.sent:
        ideal = [sum(image.kl) + image.bits["x_0"] for image in found.sent]
        scores.append(score(IDEAL, sum(ideal), _error([bits / dimensions for bits in ideal])))
    scores.append(Score(LATENTS, "test", float(steps), None, images, protocol))
    return scores + [score(PARTS[part], bits) for part, bits in found.bits.items()]


def _latent_scores(sent: Sequence[Sent], pixels: np.ndarray) -> list[list[Score]]:
    """Of each latent, rate and RMSE over the images."""
    dimensions, images = pixels[0].size, len(sent)
    rates = np.array([image.after[: len(image.errors)] for image in sent]) / dimensions
    errors = np.array([image.errors for image in sent])
    protocol = "x0-hat of the latents that were sent; spread: standard error over images"
    return [
        [
            Score(RATE, "test", float(rate.mean()), _error(rate.tolist()), images, protocol),
            Score(RMSE, "test", GREY_LEVELS * math.sqrt(error.mean()), None, images, protocol),
        ]
        for rate, error in zip(rates.T, errors.T, strict=True)
    ]


def yardstick_scores(pixels: np.ndarray) -> list[Score]:
    """Bits/dim of the images as files of other lossless formats, those that Pillow has here.

    AVIF's is left out where it does not give the image back to the bit.
    """
    scores = []
    for name, (kind, options, needed) in YARDSTICKS.items():
        if needed and not features.check(needed):
            continue
        sizes = [_size(image, kind, options) for image in pixels]
        if all(size is not None for size in sizes):
            bits = [8 * size / pixels[0].size for size in sizes if size is not None]
            protocol = "lossless, a file for each image"
            scores.append(Score(name, "test", float(np.mean(bits)), _error(bits), len(bits), protocol))
    return scores


def _size(pixels: np.ndarray, kind: str, options: dict[str, object]) -> int | None:
    """Bytes of an image in a format; None if it does not come back to the bit."""
    image = Image.fromarray(pixels[0] if len(pixels) == 1 else pixels.transpose(1, 2, 0))
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    with Image.open(file) as back:
        same = np.array_equal(np.array(back.convert(image.mode)), np.array(image))
    return len(file.getvalue()) if same else None


def _error(values: Sequence[float]) -> float | None:
    """Standard error of a mean; None of fewer than two values."""
    return float(np.std(values, ddof=1) / math.sqrt(len(values))) if len(values) > 1 else None
