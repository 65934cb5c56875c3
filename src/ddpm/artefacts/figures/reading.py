"""Reading what figures are drawn from: images, the first samples of several shards, a model's status."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ddpm.errors import DataError
from ddpm.records.status import TRAINED, has_diverged, is_evaluated, is_not_finite, not_finite


def status_of(path: str) -> str:
    """The status of the model that a file was made with, as in `ddpm.records.status`.

    Raises:
        DataError: the file is missing or damaged.
    """
    from ddpm.records.traced_files import read_arrays, read_provenance

    provenance = read_provenance(path)
    status, lost = str(provenance.get("status", TRAINED)), provenance.get("non_finite")
    return not_finite(status) if lost and lost == len(read_arrays(path, "index")["index"]) else status


def divergence(status: str) -> str:
    """What to add to the name of the curve of a model that diverged or is not finite; nothing for others."""
    if is_not_finite(status):
        return " (no values: not finite)"
    if not has_diverged(status):
        return ""
    return f" (training {status})" if is_evaluated(status) else f" (no values: training {status})"


def read_images(path: str, **dimensions: int) -> dict[str, np.ndarray]:
    """Arrays of images by name, each with the number of dimensions that it must have.

    Raises:
        DataError: the file is missing or damaged, or an array is not uint8 [..., 1 or 3, H, W].
    """
    from ddpm.records.traced_files import read_arrays

    arrays = read_arrays(path, *dimensions)
    for name, array in arrays.items():
        if array.dtype != np.uint8 or array.ndim != dimensions[name] or array.shape[-3] not in (1, 3):
            raise DataError(
                f"{path}: {name}: must be uint8 with {dimensions[name]} dimensions, the third last of 1 or 3 "
                f"channels, not {array.dtype} {list(array.shape)}; delete the file and build it again"
            )
    return arrays


def first_samples(paths: Sequence[str], count: int) -> np.ndarray:
    """The samples with index 0..count-1, uint8 [count, C, H, W], uncurated.

    Raises:
        DataError: a shard is missing or damaged, or the shards hold fewer samples.
    """
    images = np.concatenate([read_images(path, images=4)["images"] for path in paths])
    return images[_first(paths, count)]


def first_chains(paths: Sequence[str], count: int) -> tuple[np.ndarray, np.ndarray]:
    """The predictions in the course of the chains with index 0..count-1.

    Returns:
        x0_hat, uint8 [columns, count, C, H, W]; and the reverse steps taken before each column's prediction,
        int64 [columns].

    Raises:
        DataError: a shard is missing or damaged, or the shards hold fewer chains.
    """
    from ddpm.records.traced_files import read_arrays

    x0_hat = np.concatenate([read_images(path, x0_hat=5)["x0_hat"] for path in paths], axis=1)
    return x0_hat[:, _first(paths, count)], read_arrays(paths[0], "reverse_steps")["reverse_steps"]


def _first(paths: Sequence[str], count: int) -> np.ndarray:
    """Positions of the samples 0..count-1 in the concatenated shards."""
    from ddpm.records.traced_files import read_arrays

    index = np.concatenate([read_arrays(path, "index")["index"] for path in paths])
    order = np.argsort(index, kind="stable")[:count]
    if not np.array_equal(index[order], np.arange(count)):
        raise DataError(
            f"{', '.join(paths)}: the figure needs samples 0 to {count - 1}, the files hold {len(index)}; "
            "raise sampling.images in the study, or lower the figure's rows and columns"
        )
    return order
