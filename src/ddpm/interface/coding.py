"""`ddpm.compress` and `ddpm.decompress`: images as files, with a model of a study and its fitted code."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.compression.file_format import LARGEST_BATCH
from ddpm.compression.sources import require_new
from ddpm.errors import DataError, DDPMError
from ddpm.evaluation.code_files import (
    decode,
    read_code_file,
    require_possible,
    require_sound,
    write_code_file,
)
from ddpm.evaluation.coding_job import open_codec
from ddpm.evaluation.model_job import ModelJob
from ddpm.interface.inputs import pixels, whole
from ddpm.interface.model import Model
from ddpm.network.execution import products_restored
from ddpm.study.base import MOST


def compress(
    images: Any,
    file: str | os.PathLike[str],
    model: Model,
    *,
    schedule: str = "progressive",
    batch_size: int | None = None,
) -> dict[str, float]:
    """Codes images into a new file, the same bytes as `ddpm compress` writes of them.

    Args:
        images: uint8 [N, C, H, W].
        file: where it goes; nothing may be there.
        model: of a study in the working folder. Its code must be fitted (`ddpm schedule`, or the workflow).
        schedule: a key of the study's `compression.schedules`; without any, "progressive" or "progressive_x1"
            (Algorithm 3), "archive" or "bound" (bits-back coding).
        batch_size: images in a network call, which the file fixes for its reader; None: the study's, or N if
            that is less.

    Returns:
        the bits of the file by part (docs/compression.md); their sum is 8 times its bytes.

    Raises:
        DDPMError: other images, a model that is not of a study, a code that is not fitted to these weights,
            or a file that is there already.
    """
    given = pixels(images, model.image_shape).numpy()
    size = None if batch_size is None else whole("batch_size", batch_size, 1, LARGEST_BATCH)
    path = Path(file)
    require_new(path)
    with products_restored():
        return write_code_file(path, _job(model), schedule, given, size).bits


def decompress(
    file: str | os.PathLike[str], model: Model, *, most_bytes: int | None = None, steps: int | None = None
) -> np.ndarray:
    """The images of a file of `compress` or `ddpm compress`, with the model that it was made with.

    Args:
        file: the file.
        model: as for `compress`.
        most_bytes: use the first bytes of each image alone (progressive mode): a picture, not the original.
        steps: stop after so many latents, x_T the first (progressive mode).

    Returns:
        uint8 [N, C, H, W]: the originals, or x_0-hat of the last latent where less is asked for.

    Raises:
        DataError: `most_bytes` are too few for a picture of some image.
        CodeFileError: the file is damaged, was made with other weights or another code, or the network's last
            bits are others here than where it was made. `ddpm decompress` writes what can be saved of it.
        DDPMError: no such file, or a model that is not of a study.
    """
    path = Path(file)
    code = read_code_file(path)
    wanted = {"most_bytes": (most_bytes, 0), "steps": (steps, 1)}
    for name, (amount, least) in wanted.items():
        if amount is not None:
            whole(name, amount, least, MOST)
    require_possible(path, code.header, wanted)
    with products_restored():
        codec = open_codec(_job(model), code.header.schedule, code.header.batch, code.header).codec
        found = decode(path, code, codec, most_bytes, steps)
    asked = most_bytes is not None or steps is not None
    require_sound(path, code, codec, found, asked=asked, kept="none is returned")
    images = [image for image in found.images if image is not None]
    if len(images) < len(found.images):
        missing = len(found.images) - len(images)
        raise DataError(
            f"{path}: most_bytes={most_bytes} is no picture of {missing:,} of its images; use more"
        )
    return np.stack(images)


def _job(model: Model) -> ModelJob:
    if model.job is None:
        raise DDPMError(
            f"{model.name}: was not loaded from a study in the working folder, which has the codes fitted to "
            'its models; load it there with ddpm.load("config/<study>.yaml", "<model>")'
        )
    return model.job
