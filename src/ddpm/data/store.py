"""Data sets on disk: one .npy array for each split and its labels, and a manifest that describes them."""

from __future__ import annotations

import contextlib
import hashlib
import json
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from ddpm.data.arrays import Description, is_large, read_array, reason, record_hash, write_array
from ddpm.data.splits import ImageSource, RecordStream, Splits
from ddpm.data.unfinished import unfinished_path
from ddpm.errors import DataError, StudyError
from ddpm.graph import layout
from ddpm.graph.fingerprint import dataset_fingerprint
from ddpm.records.files import atomic_path, write_text
from ddpm.study import Study

if TYPE_CHECKING:
    from ddpm.data.images import Images

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

    No array is put in its place before all are written. What a kill leaves of a stream of records is
    continued by the next call.

    Returns:
        The manifest: `dataset`, `source`, `settings` (fingerprint), `shape` [C, H, W], `counts` (images of
        each split), `arrays` (`Description`), and `data_hash`, the SHA-256 over the arrays' hashes, which
        weights, samples and measurements record.

    Raises:
        DataError: the source gave arrays of another shape or dtype than its settings say, or cannot read an
            image.
        OutputError: the folder cannot be written.
    """
    _check_splits(study, dataset, splits)
    paths = {name: _path(study, dataset, name) for name in _PATTERNS}
    arrays: dict[str, Description] = {}
    with contextlib.ExitStack() as stack:
        for name, array in splits._asdict().items():
            temporary = stack.enter_context(_temporary_path(paths[name], array))
            if name.endswith("_labels"):
                # Those of damaged records are left out.
                array = array[: arrays[name.replace("labels", "images")]["shape"][0]]
            arrays[name] = write_array(paths[name], temporary, array)
    for name, path in paths.items():
        if is_large(arrays[name]):
            record_hash(path, arrays[name]["sha256"])
    manifest: Manifest = {
        "dataset": dataset,
        "source": study.datasets[dataset].source,
        "settings": dataset_fingerprint(study, dataset),
        "shape": list(study.datasets[dataset].image_shape),
        "counts": {split: arrays[f"{split}_images"]["shape"][0] for split in ("train", "test")},
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
            f"{path}: no readable manifest ({reason(error)}); {_remedy(study, dataset)}"
        ) from error
    if written != dataset_fingerprint(study, dataset) or shape != list(study.datasets[dataset].image_shape):
        raise DataError(
            f"{path}: was written under other settings than datasets.{dataset} of {study.file} has now; "
            f"{_remedy(study, dataset)}"
        )
    if not consistent:
        raise DataError(f"{path}: data_hash does not fit the arrays listed; {_remedy(study, dataset)}")
    return manifest


def read_images(study: Study, dataset: str, split: Split) -> np.ndarray:
    """The images of a split, uint8 [n, C, H, W] in [0, 255].

    Those of more than `ddpm.data.arrays.LARGEST_IN_MEMORY` bytes are a read-only memory map, of which a slice
    reads no more than itself.

    Raises:
        StudyError: the study names no such data set.
        DataError: the array is missing, truncated, has another shape or dtype than the manifest says, or
            other content.
    """
    return _read(study, dataset, f"{split}_images")


def open_images(study: Study, dataset: str, split: Split, device: str) -> Images:
    """The images of a split for a reader on a device ("cpu", "cuda"); errors as for `read_images`."""
    import torch

    from ddpm.data.images import Images

    array = read_images(study, dataset, split)
    is_mapped = isinstance(array, np.memmap)
    return Images(array if is_mapped else torch.from_numpy(array).to(device), device)


def read_labels(study: Study, dataset: str, split: Split) -> np.ndarray:
    """The labels of a split, int64 [n]; errors as for `read_images`."""
    return _read(study, dataset, f"{split}_labels")


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


def _temporary_path(path: Path, array: ImageSource) -> AbstractContextManager[Path]:
    return unfinished_path(path, array.identity) if isinstance(array, RecordStream) else atomic_path(path)


def _check_splits(study: Study, dataset: str, splits: Splits) -> None:
    shape = study.datasets[dataset].image_shape
    for split in ("train", "test"):
        images: ImageSource = getattr(splits, f"{split}_images")
        labels: np.ndarray = getattr(splits, f"{split}_labels")
        dtype = images.dtype if isinstance(images, np.ndarray) else np.dtype(np.uint8)
        if dtype != np.uint8 or images.shape[1:] != shape:
            raise DataError(
                f"datasets.{dataset}: the {split} images are {dtype} {list(images.shape)}, "
                f"not uint8 [n, {', '.join(map(str, shape))}]; check the source"
            )
        if labels.dtype != np.int64 or labels.shape != images.shape[:1]:
            raise DataError(
                f"datasets.{dataset}: the {split} labels are {labels.dtype} {list(labels.shape)}, "
                f"not int64 [{images.shape[0]}]; check the source"
            )


def _data_hash(arrays: dict[str, Any]) -> str:
    hashes = {name: arrays[name]["sha256"] for name in _PATTERNS}
    return hashlib.sha256(json.dumps(hashes, sort_keys=True).encode()).hexdigest()


def _read(study: Study, dataset: str, name: str) -> np.ndarray:
    expected = read_manifest(study, dataset)["arrays"][name]
    return read_array(_path(study, dataset, name), expected, _remedy(study, dataset))


def _remedy(study: Study, dataset: str) -> str:
    return f"run `ddpm data {study.file} {dataset}`"
