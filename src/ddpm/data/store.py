"""Data sets on disk: one .npy array for each split and its labels, and a manifest that describes them."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any, Literal

import numpy as np

from ddpm.data.splits import Splits
from ddpm.errors import DataError, StudyError
from ddpm.files import atomic_path, sha256, write_text
from ddpm.study import Study, layout
from ddpm.study.fingerprint import dataset_fingerprint

Split = Literal["train", "test"]
Manifest = dict[str, Any]

_PATTERNS = {
    "train_images": layout.TRAIN_IMAGES,
    "train_labels": layout.TRAIN_LABELS,
    "test_images": layout.TEST_IMAGES,
    "test_labels": layout.TEST_LABELS,
}


def write_dataset(study: Study, dataset: str, splits: Splits) -> Manifest:
    """Writes the four arrays of a data set, then its manifest, each atomically.

    Returns:
        The manifest: `dataset`, `source`, `settings` (fingerprint), `shape` [C, H, W], `counts` (images of
        each split), `arrays` (file, shape, dtype, bytes and SHA-256 of each), and `data_hash`, the SHA-256
        over the arrays' hashes, which weights, samples and measurements record.

    Raises:
        DataError: the source gave arrays of another shape or dtype than its settings say.
        OutputError: the folder cannot be written.
    """
    _check_splits(study, dataset, splits)
    arrays = {
        name: _write_array(_path(study, dataset, name), array) for name, array in splits._asdict().items()
    }
    manifest: Manifest = {
        "dataset": dataset,
        "source": study.datasets[dataset].source,
        "settings": dataset_fingerprint(study, dataset),
        "shape": list(study.datasets[dataset].image_shape),
        "counts": {"train": len(splits.train_images), "test": len(splits.test_images)},
        "arrays": arrays,
        "data_hash": _data_hash(arrays),
    }
    write_text(manifest_path(study, dataset), json.dumps(manifest, indent=2) + "\n")
    return manifest


def read_manifest(study: Study, dataset: str) -> Manifest:
    """The manifest of a data set, as `write_dataset` returned it.

    Raises:
        StudyError: the study names no such data set.
        DataError: the manifest is missing, damaged, or was written under other settings.
    """
    require_dataset(study, dataset)
    path = manifest_path(study, dataset)
    try:
        manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
        written, shape = manifest["settings"], manifest["shape"]
        consistent = manifest["data_hash"] == _data_hash(manifest["arrays"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(
            f"{path}: no readable manifest ({_reason(error)}); {_remedy(study, dataset)}"
        ) from error
    if written != dataset_fingerprint(study, dataset) or shape != list(study.datasets[dataset].image_shape):
        raise DataError(
            f"{path}: was written under other settings than datasets.{dataset} of {study.file} has now; "
            f"{_remedy(study, dataset)}"
        )
    if not consistent:
        raise DataError(f"{path}: data_hash does not fit the arrays listed; {_remedy(study, dataset)}")
    return manifest


def read_images(study: Study, dataset: str, split: Split, *, verify: bool = True) -> np.ndarray:
    """The images of a split, uint8 [n, C, H, W] in [0, 255].

    Args:
        study: the study.
        dataset: a key of `datasets`.
        split: "train" or "test".
        verify: compare the file's SHA-256 with the manifest (about 1 s for each GB); shape, dtype and
            size are compared in any case.

    Raises:
        StudyError: the study names no such data set.
        DataError: the array is missing, truncated, has another shape or dtype than the manifest says, or
            other content.
    """
    return _read_array(study, dataset, f"{split}_images", verify)


def read_labels(study: Study, dataset: str, split: Split, *, verify: bool = True) -> np.ndarray:
    """The labels of a split, int64 [n]; arguments and errors as for `read_images`."""
    return _read_array(study, dataset, f"{split}_labels", verify)


def manifest_path(study: Study, dataset: str) -> Path:
    """Where a data set's manifest lies."""
    return layout.path(layout.MANIFEST, study.name, dataset=dataset)


def require_dataset(study: Study, dataset: str) -> None:
    """Raises StudyError if the study names no such data set."""
    if dataset not in study.datasets:
        raise StudyError(
            f"{study.file}: no data set is named {dataset!r} (known: {', '.join(study.datasets)})"
        )


def _path(study: Study, dataset: str, name: str) -> Path:
    return layout.path(_PATTERNS[name], study.name, dataset=dataset)


def _check_splits(study: Study, dataset: str, splits: Splits) -> None:
    shape = study.datasets[dataset].image_shape
    for split in ("train", "test"):
        images: np.ndarray = getattr(splits, f"{split}_images")
        labels: np.ndarray = getattr(splits, f"{split}_labels")
        if images.dtype != np.uint8 or images.shape[1:] != shape:
            raise DataError(
                f"datasets.{dataset}: the {split} images are {images.dtype} {list(images.shape)}, "
                f"not uint8 [n, {', '.join(map(str, shape))}]; check the source"
            )
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise DataError(
                f"datasets.{dataset}: the {split} labels are {labels.dtype} {list(labels.shape)}, "
                f"not int64 [{len(images)}]; check the source"
            )


def _write_array(path: Path, array: np.ndarray) -> dict[str, Any]:
    with atomic_path(path) as temporary:
        np.save(temporary, array, allow_pickle=False)
    return {
        "file": path.name,
        "shape": list(array.shape),
        "dtype": str(array.dtype),
        "bytes": path.stat().st_size,
        "sha256": sha256(path),
    }


def _data_hash(arrays: dict[str, Any]) -> str:
    hashes = {name: arrays[name]["sha256"] for name in _PATTERNS}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _read_array(study: Study, dataset: str, name: str, verify: bool) -> np.ndarray:
    expected = read_manifest(study, dataset)["arrays"][name]
    path = _path(study, dataset, name)
    remedy = _remedy(study, dataset)
    try:
        size = path.stat().st_size
        if size < expected["bytes"]:
            raise DataError(f"{path}: is truncated, {size} of {expected['bytes']} bytes; {remedy}")
        array = np.load(path, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise DataError(f"{path}: not a readable array ({_reason(error)}); {remedy}") from error
    if str(array.dtype) != expected["dtype"] or list(array.shape) != expected["shape"]:
        raise DataError(
            f"{path}: is {array.dtype} {list(array.shape)}, but its manifest says "
            f"{expected['dtype']} {expected['shape']}; {remedy}"
        )
    if verify and sha256(path) != expected["sha256"]:
        raise DataError(f"{path}: its content differs from the SHA-256 in its manifest; {remedy}")
    return array


def _reason(error: Exception) -> str:
    return "no such file" if isinstance(error, FileNotFoundError) else f"{type(error).__name__}: {error}"


def _remedy(study: Study, dataset: str) -> str:
    return f"run `ddpm data {study.file} {dataset}`"
