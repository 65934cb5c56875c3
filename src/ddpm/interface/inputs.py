"""What a caller gives, checked: images, noisy images, timesteps and whole numbers."""

from __future__ import annotations

import operator
from typing import Any, get_args

import numpy as np
import torch
from torch import Tensor

from ddpm.errors import DataError
from ddpm.study.evaluation import FixedVariance

Shape = tuple[int, int, int]


def whole(name: str, value: Any, least: int, most: int) -> int:
    """A whole number of a range.

    Raises:
        DataError: it is none, or lies outside.
    """
    try:
        number = operator.index(value)
    except TypeError:
        number = None
    if number is None or isinstance(value, bool) or not least <= number <= most:
        raise DataError(f"{name}: must be a whole number from {least:,} to {most:,}, not {value!r}")
    return number


def pixels(images: Any, shape: Shape) -> Tensor:
    """Images as uint8 [N, C, H, W] on the CPU.

    Raises:
        DataError: another dtype or shape; nothing is converted unasked, as a scale cannot be told for sure.
    """
    array = _array("images", images)
    if array.dtype != np.uint8:
        raise DataError(
            f"images: must be uint8 in 0..255, not {array.dtype}; of floats in [0, 1] give "
            "(255 * images).round().astype('uint8')"
        )
    return torch.from_numpy(_of_shape("images", array, shape).copy())


def noisy_images(x_t: Any, shape: Shape) -> Tensor:
    """Noisy images as float32 [N, C, H, W] on the CPU.

    Raises:
        DataError: no floating point, another shape, or a value that is not finite.
    """
    array = _array("x_t", x_t)
    if not np.issubdtype(array.dtype, np.floating):
        raise DataError(
            f"x_t: must be floating point, on the scale where pixels are [-1, 1], not {array.dtype}; "
            "`model.noise(images, t)` makes it from images"
        )
    array = _of_shape("x_t", array, shape).astype(np.float32)
    if not np.isfinite(array).all():
        raise DataError("x_t: holds values that are not finite; remove these images")
    return torch.from_numpy(array)


def chosen_steps(steps: Any, timesteps: int) -> int | list[int]:
    """How many steps of the reverse process, or the paper's t of each, ascending in 1..T.

    Raises:
        DataError: not whole, outside 1..T, none, or times that do not ascend.
    """
    if np.ndim(steps) == 0:
        return whole("steps", steps, 1, timesteps)
    times = [whole("steps", t, 1, timesteps) for t in steps]
    if not times or times != sorted(set(times)):
        raise DataError(f"steps: the times must ascend, each once, not {times}")
    return times


def fixed_variance(variance: Any) -> FixedVariance:
    """A reverse variance that sampling may take.

    Raises:
        DataError: it is none.
    """
    if variance not in get_args(FixedVariance):
        known = " or ".join(f'"{name}"' for name in get_args(FixedVariance))
        raise DataError(f"variance: must be {known}, not {variance!r}")
    return variance


def indices(t: Any, count: int, timesteps: int) -> Tensor:
    """The paper's t in 1..T, one for all images or one for each, as indices int64 [count] in 0..T-1.

    Raises:
        DataError: not whole, outside 1..T, or of another number.
    """
    array = _array("t", t)
    if array.size and (array.dtype.kind not in "iu" or array.min() < 1 or array.max() > timesteps):
        raise DataError(f"t: must be whole numbers from 1 to T = {timesteps:,}, not {t!r}")
    if array.shape not in ((), (count,)):
        raise DataError(f"t: must be one number or {count}, one for each image, not of shape {array.shape}")
    return torch.from_numpy(np.broadcast_to(array.astype(np.int64) - 1, (count,)).copy())


def _array(name: str, value: Any) -> np.ndarray:
    if isinstance(value, Tensor):
        value = value.detach().cpu()
    try:
        return np.asarray(value)
    except (TypeError, ValueError, RuntimeError) as error:
        raise DataError(f"{name}: not an array ({error}); give a numpy array or a torch tensor") from error


def _of_shape(name: str, array: np.ndarray, shape: Shape) -> np.ndarray:
    channels, height, width = shape
    if array.ndim == 4 and array.shape[1:] == shape and len(array):
        return array
    hints = {
        (channels, height, width): f"; of one image give {name}[None]",
        (height, width): f"; of one grey image give {name}[None, None]",
    }
    if array.ndim == 4 and array.shape[1:] == (height, width, channels):
        hint = f"; give {name}.transpose(0, 3, 1, 2)"
    elif array.ndim == 3 and channels == 1 and array.shape[1:] == (height, width) and len(array) != 1:
        hint = f"; of grey images give {name}[:, None]"
    else:
        hint = hints.get(array.shape, "")
    wanted = f"[N, {channels}, {height}, {width}]"
    raise DataError(f"{name}: must have the model's shape {wanted}, N at least 1, not {[*array.shape]}{hint}")
