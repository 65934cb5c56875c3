"""Reading a model's samples: its shards joined in order and checked to be whole."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from ddpm.errors import DataError
from ddpm.records.shards import read_records
from ddpm.records.status import is_evaluated, not_finite
from ddpm.records.traced_files import read_arrays


@dataclasses.dataclass(frozen=True)
class Samples:
    """One set of samples of a model.

    Attributes:
        images: uint8 [n, C, H, W], by index; n is 0 if training diverged and left nothing to evaluate.
        status: how training ended, as in `ddpm.records.status`.
        provenance: of the first shard; all shards agree but in what may differ between machines.
        non_finite: samples with an infinite or NaN pixel, which the shards hold as mid-grey.
        x0_hat: uint8 [columns, n, C, H, W], or None if it was not kept or not asked for.
        reverse_steps: int64 [columns], the steps taken at each column of `x0_hat`; None with it.
    """

    images: np.ndarray
    status: str
    provenance: dict[str, Any]
    non_finite: int = 0
    x0_hat: np.ndarray | None = None
    reverse_steps: np.ndarray | None = None

    @property
    def finite(self) -> int:
        """How many are finite."""
        return len(self.images) - self.non_finite

    @property
    def about(self) -> dict[str, Any]:
        """What measurements of them say of the model: its status and the hash of its weights."""
        status = self.status if self.finite or not len(self.images) else not_finite(self.status)
        return {"status": status, "weights_hash": self.provenance.get("weights_hash")}


def read_samples(
    shards: Sequence[str],
    settings: str,
    count: int,
    shape: tuple[int, int, int],
    remedy: str,
    *,
    progressive: bool = False,
) -> Samples:
    """Reads all shards of one set of samples.

    Args:
        shards: their files, in order.
        settings: the fingerprint that they must have been drawn under.
        count: samples in all shards together.
        shape: [C, H, W] of a sample.
        remedy: what error messages tell the user to do.
        progressive: read `x0_hat` too, where the shards have it.

    Raises:
        DataError: a shard is missing or damaged, was made under other settings or from other weights than
            its neighbours, has images of another shape, or an index is missing.
    """
    paths = [Path(shard) for shard in shards]
    records = read_records(paths, settings, remedy)
    status = str(records[0].get("status") or "trained")
    parts = [_shard(path, shape, remedy) for path in paths]
    images, index = (np.concatenate(arrays) for arrays in zip(*parts, strict=True))
    _check_index(paths, index, count if is_evaluated(status) else 0, remedy)
    x0_hat, steps = _progress(paths) if progressive else (None, None)
    non_finite = sum(int(record.get("non_finite") or 0) for record in records)
    return Samples(images, status, records[0], non_finite, x0_hat, steps)


def _shard(path: Path, shape: tuple[int, int, int], remedy: str) -> tuple[np.ndarray, np.ndarray]:
    """A shard's images and their indices."""
    arrays = read_arrays(path, "images", "index")
    images, index = arrays["images"], arrays["index"]
    if images.dtype != np.uint8 or images.shape[1:] != shape:
        raise DataError(
            f"{path}: images are {images.dtype} {list(images.shape)}, not uint8 "
            f"[n, {', '.join(map(str, shape))}]; delete it and {remedy}"
        )
    if index.shape != images.shape[:1]:
        raise DataError(f"{path}: index has shape {list(index.shape)} for {len(images)} images; {remedy}")
    return images, index


def _check_index(paths: list[Path], index: np.ndarray, expected: int, remedy: str) -> None:
    """The shards' indices, joined, must be 0..expected-1."""
    where = f"{paths[0].parent}/{{{','.join(path.name for path in paths)}}}"
    gaps = np.flatnonzero(index != np.arange(len(index)))
    if len(gaps):
        raise DataError(
            f"{where}: index {gaps[0]} is missing or out of its place "
            f"(found {index[gaps[0]]}); delete and {remedy}"
        )
    if len(index) != expected:
        raise DataError(f"{where}: {len(index)} images in all, not {expected}; delete and {remedy}")


def _progress(paths: list[Path]) -> tuple[np.ndarray | None, np.ndarray | None]:
    arrays = [read_arrays(path) for path in paths]
    if any("x0_hat" not in array or "reverse_steps" not in array for array in arrays):
        return None, None
    steps = arrays[0]["reverse_steps"]
    for path, array in zip(paths, arrays, strict=True):
        if not np.array_equal(array["reverse_steps"], steps) or len(array["x0_hat"]) != len(steps):
            raise DataError(
                f"{path}: its x0_hat has other columns than {paths[0].name}; draw the samples again"
            )
    return np.concatenate([array["x0_hat"] for array in arrays], axis=1), steps
