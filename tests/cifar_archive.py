"""Writes small archives in the format of CIFAR-10's Python archive: five training batches and a test one."""

import pickle
import struct
import tarfile
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

FOLDER = "cifar-10-batches-py"
CLASSES = ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"]


class _Python2Pickler(pickle._Pickler):
    """Pickles bytes as Python 2 did its strings: read with encoding="latin1", the keys become str."""

    dispatch: ClassVar = dict(pickle._Pickler.dispatch)

    def save_bytes(self, obj: bytes) -> None:
        self.write(pickle.BINSTRING + struct.pack("<i", len(obj)) + obj)
        self.memoize(obj)

    dispatch[bytes] = save_bytes


def write_pickle(path: Path, content: Any) -> None:
    """Writes one file of the archive."""
    with open(path, "wb") as file:
        _Python2Pickler(file, protocol=2).dump(content)


def write_batches(folder: Path, images_per_batch: int = 4, test_images: int = 6, seed: int = 0) -> Path:
    """Writes the folder cifar-10-batches-py with random images into `folder`.

    Returns:
        The folder written. Image n, over all batches in order, has label n mod 10.
    """
    batches = folder / FOLDER
    batches.mkdir(parents=True)
    generator, first = np.random.default_rng(seed), 0
    sizes = {f"data_batch_{number}": images_per_batch for number in range(1, 6)} | {"test_batch": test_images}
    for name, size in sizes.items():
        record = {
            b"batch_label": name.encode(),
            b"labels": [(first + index) % 10 for index in range(size)],
            b"data": generator.integers(0, 256, (size, 3072), np.uint8),
            b"filenames": [f"{first + index}.png".encode() for index in range(size)],
        }
        write_pickle(batches / name, record)
        first += size
    meta = {b"num_cases_per_batch": images_per_batch, b"num_vis": 3072}
    write_pickle(batches / "batches.meta", meta | {b"label_names": [name.encode() for name in CLASSES]})
    return batches


def write_archive(path: Path, **sizes: int) -> Path:
    """Writes an archive; `sizes` as for `write_batches`, which leaves its folder beside the archive."""
    batches = write_batches(path.parent, **sizes)
    with tarfile.open(path, "w:gz") as tar:
        tar.add(batches, arcname=FOLDER)
    return path


def expected_images(images_per_batch: int = 4, test_images: int = 6, seed: int = 0) -> tuple[np.ndarray, ...]:
    """The training and the test images of `write_batches`, uint8 [n, 3, 32, 32]."""
    generator = np.random.default_rng(seed)
    sizes = [images_per_batch] * 5 + [test_images]
    images = [generator.integers(0, 256, (size, 3072), np.uint8).reshape(-1, 3, 32, 32) for size in sizes]
    return np.concatenate(images[:5]), images[5]
